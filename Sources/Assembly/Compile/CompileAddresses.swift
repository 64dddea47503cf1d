// Addresses that a configuration writes: `trusted_proxies`, `allow` and `deny`.

import Config
import EventLoop
import Policy

/// One `allow` or `deny` line, for the rules and for showing.
struct AddressLines {
  var rules: [AddressRule] = []
  var text: [String] = []
}

extension Compiler {
  /// Widest trusted network that is not worth a warning, in leading bits: a whole private /8.
  static let trustedBitsMinimum = 8

  /// All arguments of `trusted_proxies CIDR...`: never everybody, because whoever is trusted may take
  /// any address.
  func trustedProxies(_ arguments: [Argument]) {
    if let none = arguments.first(where: { $0.isUsable && $0.text == "none" }) {
      if arguments.count > 1 {
        let _: Bool? = none.refuse(
          log, "stands beside addresses", "it means that nobody is believed, so it stands alone")
      }
      return
    }
    for argument in arguments {
      guard let ranges = addresses(argument) else { continue }
      if AddressTable(set: ranges).isEverybody {
        let _: Bool? = argument.refuse(
          log, "trusts everybody",
          "anyone could then take any address; name the proxies that stand in front")
        continue
      }
      for range in ranges where range.leadingBits < Self.trustedBitsMinimum {
        log.warning(
          "\(argument.quotedForMessage) trusts more addresses than a /8 has", at: argument.span,
          hint: "whoever has one of them may take any address; name the proxies themselves")
        break
      }
      policy.trustedProxies += ranges
    }
    if AddressTable(set: policy.trustedProxies).isEverybody, let first = arguments.first {
      log.error(
        "these addresses together are everybody", at: first.span,
        hint: "anyone could then take any address; name the proxies that stand in front")
    }
  }

  /// The `allow` and `deny` lines of one block in order; nil without any.
  func addressLines(_ body: [Directive]) -> AddressLines? {
    var lines = AddressLines()
    var last: Directive?
    for directive in body where directive.isSound && directive.opens == nil {
      guard directive.name == "allow" || directive.name == "deny" else { continue }
      if let last {
        log.warning(
          "this \(directive.name) is never reached", at: directive.span,
          hint: "\(last.name) all, at \(last.span.place), has decided about everybody")
      } else if directive.arguments.contains(where: { $0.isUsable && $0.text == "all" }) {
        last = directive
      }
      let isAllowed = directive.name == "allow"
      for argument in directive.arguments {
        let ranges =
          argument.isUsable && argument.text == "all" ? [AddressRange.all] : addresses(argument)
        lines.rules += (ranges ?? []).map { AddressRule($0, isAllowed: isAllowed) }
      }
      let words = directive.arguments.map(\.written).joined(separator: " ")
      lines.text.append("\(directive.name) \(words)")
    }
    return lines.text.isEmpty ? nil : lines
  }

  /// `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32` or `unix`; nil after a report.
  private func addresses(_ argument: Argument) -> [AddressRange]? {
    guard argument.isUsable else { return nil }
    // nginx writes the second.
    if argument.text == "unix" || argument.text == "unix:" { return [.unix] }
    let parts = argument.bytes.split(
      separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
    let host = Array(parts[0])
    guard let address = SocketAddress(ip: host.span, port: 0) else {
      return argument.refuse(
        log, "is not an address or network", "write 10.0.0.0/8, 192.0.2.7, 2001:db8::/32 or unix")
    }
    // By how it is written: ::ffff:10.0.0.0/104 counts from the front of 128 bits.
    let isShort = !host.contains(UInt8(ascii: ":"))
    let bitsMaximum = isShort ? 32 : 128
    var bits = bitsMaximum
    if parts.count == 2 {
      let digits = Array(parts[1])
      guard digits.count <= 3, let number = digits.span.decimalValue(), number <= bitsMaximum else {
        return argument.refuse(
          log, "has no prefix length from 0 to \(bitsMaximum)",
          "write \(isShort ? "10.0.0.0/8" : "2001:db8::/32")")
      }
      bits = number
    }
    let ip = address.ipBytes
    let counted = isShort ? bits + 96 : bits
    if let ranges = AddressRange.network(high: ip.high, low: ip.low, bits: counted) {
      return ranges
    }
    guard argument.variables.isEmpty else {
      return argument.refuse(log, "has bits set behind its prefix", nil)
    }
    let base = AddressRange.base(high: ip.high, low: ip.low, bits: counted)
    var network = SocketAddress(high: base.high, low: base.low, port: 0).description
    // The description of port 0 without its port, and without brackets.
    network.removeLast(2)
    if network.hasPrefix("[") { network = String(network.dropFirst().dropLast()) }
    return argument.refuse(
      log, "has bits set behind its prefix",
      "the network is \(network)/\(bits); the one address is written without a prefix")
  }
}
