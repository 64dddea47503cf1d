// Who a client is: the PROXY protocol's header, and addresses in `X-Forwarded-For`, against the C
// library's reading of the same text.

import Bytes
import Glibc
import HTTPWire

/// A header is read alike however its bytes arrive, wherever they lie, whatever follows.
func fuzzProxyHeader(_ input: Span<UInt8>) {
  let whole = ProxyProtocol.parse(input, from: 0)
  for count in 0..<min(input.count, ProxyProtocol.headerBytesMaximum + 1) {
    let copy = input.slice(from: 0, to: count).copied
    let early = ProxyProtocol.parse(copy.span, from: 0)
    check(early == .needsMore || early == whole, "of \(count) bytes it is \(early), then \(whole)")
  }
  let moved = ProxyProtocol.parse(([0x47, 0x45] + input.copied).span, from: 2)
  switch whole {
  case .needsMore:
    check(input.count < ProxyProtocol.headerBytesMaximum, "it never ends")
    check(moved == .needsMore, "moved it is \(moved)")
  case .malformed(let offset):
    check(offset < input.count || offset <= ProxyProtocol.headerBytesMaximum, "no such byte")
    check(moved == .malformed(offset: offset + 2), "moved it is \(moved)")
  case .complete(var header):
    check(header.byteEnd <= input.count, "a header beyond the bytes")
    check(header.byteEnd <= ProxyProtocol.headerBytesMaximum, "a header beyond its bound")
    check(
      !header.isLocal || header.sourceHigh | header.sourceLow | UInt64(header.sourcePort) == 0,
      "an address that wasn't told")
    header.byteEnd += 2
    check(moved == .complete(header), "moved it is \(moved)")
  }
}

/// The input's lines become lines of `X-Forwarded-For`, and the input itself an address.
func fuzzAddressList(_ input: Span<UInt8>) {
  checkAddress(input)
  var text = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ".utf8.map { $0 }
  var lines: [[UInt8]] = [[]]
  for index in input.indices {
    if input[index] == 10 {
      text += Array("\r\nA: b, c\r\nx-forwarded-for: ".utf8)
      lines.append([])
    } else {
      text.append(input[index])
      lines[lines.count - 1].append(input[index])
    }
  }
  text += Array("\r\n\r\n".utf8)
  let head = RequestHead()
  let limits = HeadLimits(headBytesMaximum: 1 << 20, fieldCountMaximum: 10_000)
  guard head.parse(text.span, from: 0, limits: limits) == .complete else { return }
  // All elements in order, by splitting; then the last ones of them, from the end.
  let all = lines.flatMap { $0.split(separator: 44, omittingEmptySubsequences: false) }
    .map { element in
      var element = element
      while let first = element.first, first == 32 || first == 9 { element.removeFirst() }
      while let last = element.last, last == 32 || last == 9 { element.removeLast() }
      return Array(element)
    }
  let want = all.reversed().prefix(AddressList.elementsMaximum).filter { !$0.isEmpty }
  var elements = AddressList.Elements(of: .xForwardedFor, in: head)
  var found: [[UInt8]] = []
  while let range = elements.next(in: head, text.span) {
    found.append(text.span.slice(range).copied)
    checkAddress(text.span.slice(range))
    check(found.count <= AddressList.elementsMaximum, "a list without an end")
  }
  check(found == Array(want), "other elements: \(found), not \(want)")
}

/// Compares with `inet_pton`, after taking brackets and port away by the simplest means.
private func checkAddress(_ text: Span<UInt8>) {
  let value = AddressList.parseIPAddress(text)
  guard let string = String(validating: text.copied, as: UTF8.self), !string.contains("\0") else {
    check(value == nil, "an address that is no text")
    return
  }
  var host = string
  var port: String?
  if string.hasPrefix("["), let close = string.lastIndex(of: "]") {
    host = String(string[string.index(after: string.startIndex)..<close])
    let rest = string[string.index(after: close)...]
    if !rest.isEmpty {
      guard rest.hasPrefix(":") else { return check(value == nil, "text behind a bracket") }
      port = String(rest.dropFirst())
    }
    if !host.contains(":") { return check(value == nil, "an IPv4 address in brackets") }
  } else if let colon = string.firstIndex(of: ":"), string.firstIndex(of: ".") ?? colon < colon {
    host = String(string[..<colon])
    port = String(string[string.index(after: colon)...])
  }
  let portIsRight =
    port.map { text in
      (1...5).contains(text.utf8.count) && text.utf8.allSatisfy { (48...57).contains($0) }
        && (Int(text) ?? 65_536) <= 65_535
    } ?? true
  var four = in_addr()
  var six = in6_addr()
  if !portIsRight {
    check(value == nil, "a bad port passed")
  } else if unsafe inet_pton(AF_INET, host, &four) == 1 {
    let low = 0xffff_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr))
    check(value?.high == 0 && value?.low == low, "another IPv4 address")
  } else if unsafe inet_pton(AF_INET6, host, &six) == 1 {
    let words = unsafe unsafeBitCast(six, to: (UInt64, UInt64).self)
    check(
      value?.high == UInt64(bigEndian: words.0) && value?.low == UInt64(bigEndian: words.1),
      "another IPv6 address")
  } else {
    check(value == nil, "what is no address to inet_pton passed")
  }
}
