// A CORS policy, compiled: who may ask, and the header blocks of the answers (DESIGN §5.8, Fetch
// standard §3.3).
//
// Where a policy stands the gateway is the sole author: upstream's `Access-Control-*` are removed,
// its own errors carry the headers too (else a browser hides the reason from the front end), and
// `Vary: Origin` is there always, so that no cache gives one origin's answer to another.
// Immutable, any thread.

import Bytes
import HTTPWire

/// How a request's origin fares under a policy.
enum OriginMatch: Equatable, Sendable {
  /// No policy speaks.
  case noPolicy
  /// No Origin, or one that the policy doesn't allow.
  case none
  /// The policy allows every origin.
  case any
  /// An origin of the list; its block is precomputed.
  case listed(Int)
  /// An origin that matches a pattern; its bytes are the request's.
  case pattern

  var isAllowed: Bool {
    switch self {
    case .any, .listed, .pattern: true
    case .noPolicy, .none: false
    }
  }
}

/// A compiled CORS policy.
struct CORSPolicy: Sendable {
  /// Request fields that a policy allows where it lists none: what the front ends of the seeds send.
  static let usualHeaders = ["Authorization", "Content-Type", "X-CSRF-TOKEN", "X-Requested-With"]
  /// Request fields that need no permission (Fetch standard §2.2.2).
  private static let safelisted: [[UInt8]] = [
    "accept", "accept-language", "content-language", "content-type", "range",
  ].map { Array($0.utf8) }

  private let rules: [OriginRule]
  /// Per rule the complete block of an ordinary answer; empty for patterns.
  private let blocks: [[UInt8]]
  /// What follows `Access-Control-Allow-Origin` in an ordinary answer.
  private let tail: [UInt8]
  /// Method names a preflight may ask for; empty means those of the routes.
  private let methods: [[UInt8]]
  private let methodsLine: [UInt8]
  /// Lower-case field names a preflight may ask for.
  private let headers: [[UInt8]]
  private let allowsAnyHeader: Bool
  private let headersLine: [UInt8]
  private let preflightTail: [UInt8]

  init(_ definition: CORSDefinition) {
    rules = definition.origins.map { OriginRule($0) }
    var tail = ""
    if definition.credentials { tail += "Access-Control-Allow-Credentials: true\r\n" }
    let preflightStart = tail
    if !definition.expose.isEmpty {
      tail += "Access-Control-Expose-Headers: " + definition.expose.joined(separator: ", ") + "\r\n"
    }
    tail += "Vary: Origin\r\n"
    self.tail = Array(tail.utf8)
    let rendered = self.tail
    blocks = rules.map { rule in
      switch rule {
      case .any: Array("Access-Control-Allow-Origin: *\r\n".utf8) + rendered
      case .exact(let origin):
        Array("Access-Control-Allow-Origin: ".utf8) + origin + Array("\r\n".utf8) + rendered
      case .label, .invalid: []
      }
    }
    methods = definition.methods.map { Array($0.utf8) }
    methodsLine =
      methods.isEmpty
      ? []
      : Array(
        "Access-Control-Allow-Methods: \(definition.methods.joined(separator: ", "))\r\n".utf8)
    allowsAnyHeader = definition.headers == ["*"]
    let names = definition.headers.isEmpty ? Self.usualHeaders : definition.headers
    headers = names.map { $0.utf8.map(\.asciiLowercased) }
    headersLine =
      allowsAnyHeader
      ? [] : Array("Access-Control-Allow-Headers: \(names.joined(separator: ", "))\r\n".utf8)
    var preflight = preflightStart
    if let seconds = definition.maxAgeSeconds {
      preflight += "Access-Control-Max-Age: \(seconds)\r\n"
    }
    preflight +=
      "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
    preflightTail = Array(preflight.utf8)
  }

  /// How `origin` fares; pass an empty span for a request without one.
  func match(_ origin: Span<UInt8>) -> OriginMatch {
    guard !origin.isEmpty else { return .none }
    for index in rules.indices where rules[index].matches(origin) {
      switch rules[index] {
      case .any: return .any
      case .exact: return .listed(index)
      case .label: return .pattern
      case .invalid: return .none
      }
    }
    return .none
  }

  /// Appends the fields of an ordinary answer.
  func appendAnswer(_ match: OriginMatch, origin: Span<UInt8>, to buffer: inout ByteBuffer) {
    switch match {
    case .noPolicy: break
    case .none: buffer.append("Vary: Origin\r\n")
    case .any:
      buffer.append("Access-Control-Allow-Origin: *\r\n")
      buffer.append(tail)
    case .listed(let index): buffer.append(blocks[index])
    case .pattern:
      HeadWriter.append(name: "Access-Control-Allow-Origin", value: origin, to: &buffer)
      buffer.append(tail)
    }
  }

  // MARK: Preflights

  /// True when a preflight may ask for `method`; a route for it has been found already.
  func allows(method: Span<UInt8>) -> Bool {
    if methods.isEmpty { return true }
    for allowed in methods where method.equals(allowed.span) { return true }
    return false
  }

  /// True when a preflight may ask for every field in `list` (`Access-Control-Request-Headers`).
  func allows(headers list: Span<UInt8>) -> Bool {
    var index = 0
    while index < list.count {
      let end = list.firstIndex(of: UInt8(ascii: ","), from: index) ?? list.count
      let name = list.slice(Self.trimmed(list, index, end))
      if !name.isEmpty, !allows(header: name) { return false }
      index = end + 1
    }
    return true
  }

  private func allows(header name: Span<UInt8>) -> Bool {
    if allowsAnyHeader { return Self.isFieldName(name) }
    for allowed in headers where name.equalsIgnoringCase(allowed.span) { return true }
    for allowed in Self.safelisted where name.equalsIgnoringCase(allowed.span) { return true }
    return false
  }

  private static func trimmed(_ text: Span<UInt8>, _ lower: Int, _ upper: Int) -> ByteRange {
    var start = lower
    var end = upper
    while start < end, text[start] == 0x20 || text[start] == 0x09 { start += 1 }
    while end > start, text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
    return ByteRange(start, end)
  }

  /// Names are echoed, so they must be no more than names (RFC 9110 §5.1).
  private static func isFieldName(_ name: Span<UInt8>) -> Bool {
    for index in 0..<name.count {
      let byte = name[index]
      if !byte.isASCIIAlphanumeric, byte != UInt8(ascii: "-"), byte != UInt8(ascii: "_") {
        return false
      }
    }
    return true
  }

  /// Appends the fields of a preflight's answer. `node` knows the methods that routes take there.
  func appendPreflight(
    _ match: OriginMatch, head: RequestHead, bytes: Span<UInt8>, origin: Span<UInt8>,
    node: Int32, table: RouteTable, to buffer: inout ByteBuffer
  ) {
    if match == .any {
      buffer.append("Access-Control-Allow-Origin: *\r\n")
    } else {
      HeadWriter.append(name: "Access-Control-Allow-Origin", value: origin, to: &buffer)
    }
    if methods.isEmpty {
      buffer.append("Access-Control-Allow-Methods: ")
      table.appendAllowed(node, to: &buffer)
      buffer.append("\r\n")
    } else {
      buffer.append(methodsLine)
    }
    if allowsAnyHeader {
      // A star would not cover Authorization, and nothing at all with credentials.
      var index = head.index(of: .accessControlRequestHeaders)
      while let field = index {
        HeadWriter.append(
          name: "Access-Control-Allow-Headers", value: bytes.slice(head.field(at: field).value),
          to: &buffer)
        index = head.index(of: .accessControlRequestHeaders, from: field + 1)
      }
    } else {
      buffer.append(headersLine)
    }
    buffer.append(preflightTail)
  }
}

extension CORSDefinition {
  /// Everything in the policy that can't stand.
  func mistakes(_ subject: PolicySubject) -> [PolicyMistake] {
    var found: [PolicyMistake] = []
    if origins.isEmpty {
      found.append(
        PolicyMistake(
          subject, "the policy allows no origin", hint: "origins https://app.example.com;"))
    }
    for origin in origins {
      switch OriginRule(origin) {
      case .invalid(let reason):
        found.append(PolicyMistake(subject, "origin `\(origin)`: \(reason)"))
      case .any:
        if credentials {
          found.append(
            PolicyMistake(
              subject, "`origins *` with credentials would let every site act as the user",
              hint: "list the origins"))
        }
        if origins.count > 1 {
          found.append(
            PolicyMistake(subject, "`origins *` makes the other origins meaningless"))
        }
      case .exact, .label: break
      }
    }
    for name in methods + headers.filter({ $0 != "*" }) + expose where !name.isFieldToken {
      found.append(PolicyMistake(subject, "`\(name)` is not a name"))
    }
    if headers.contains("*"), headers.count > 1 {
      found.append(PolicyMistake(subject, "`headers *` makes the other headers meaningless"))
    }
    if let maxAgeSeconds, maxAgeSeconds < 0 {
      found.append(PolicyMistake(subject, "max_age can't be negative"))
    }
    return found
  }
}

extension String {
  /// True for `token` of RFC 9110 §5.6.2.
  var isFieldToken: Bool {
    !isEmpty
      && utf8.allSatisfy { byte in
        byte.isASCIIAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }
}
