// How long an answer says that it stays fresh: `Cache-Control` (RFC 9111 §5.2) and `Age` (§5.1).
//
// The reader is a private cache of one thing, so `s-maxage`, `private` and `public` say nothing to it.
// Where a field can't be read in exactly one way the answer counts as stale at once (§4.2.1), which for
// a key set means that it is fetched again after the shortest life there is. `Expires` is not read: it
// takes two clocks that agree.
//
// Pure; the bytes come from a peer.

import Bytes

/// The freshness of an answer.
public enum CacheLife {
  /// The largest number of seconds that is told apart (RFC 9111 §1.2.2): 68 years.
  static let secondsMaximum: Int64 = 1 << 31

  /// How long the answer with these fields is fresh, in milliseconds; 0 for one that must be asked for
  /// each time, nil for one that doesn't say.
  public static func milliseconds(_ headers: [FetchHeader]) -> Int64? {
    var directives = CacheDirectives()
    for header in headers where header.name.lowercased() == "cache-control" {
      directives.read(Array(header.value.utf8))
    }
    if directives.forbidsReuse { return 0 }
    guard let life = directives.maxAge else { return nil }
    return max(0, life - age(headers)) * 1000
  }

  /// Seconds that the answer has spent in caches on the way. Of several the first counts, and what is
  /// no number counts as nothing (RFC 9111 §5.1).
  private static func age(_ headers: [FetchHeader]) -> Int64 {
    guard let field = headers.first(where: { $0.name.lowercased() == "age" }) else { return 0 }
    let first = field.value.utf8.prefix { $0 != UInt8(ascii: ",") }
    return seconds(Array(first).filter { $0 != 0x20 && $0 != 0x09 }[...]) ?? 0
  }

  /// `delta-seconds` (RFC 9111 §1.2.2): digits; more of them than can be told apart are the largest.
  fileprivate static func seconds(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard !digits.isEmpty else { return nil }
    var value: Int64 = 0
    for digit in digits {
      let number = digit &- UInt8(ascii: "0")
      guard number < 10 else { return nil }
      // Below 2^31 before each step, so far from the end of 64 bits.
      value = min(value * 10 + Int64(number), secondsMaximum)
    }
    return value
  }
}

/// The directives of an answer's Cache-Control lines, which count as one list.
private struct CacheDirectives {
  /// The first `max-age`, in seconds (RFC 9111 §4.2.1: of several the first, or stale).
  private(set) var maxAge: Int64?
  /// True for `no-store`, `no-cache` and what can't be read: the strictest wins.
  private(set) var forbidsReuse = false

  /// Reads one line: `#( token [ "=" ( token / quoted-string ) ] )`.
  mutating func read(_ line: [UInt8]) {
    var rest = line[...]
    // Each turn takes a byte at least.
    while true {
      rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ",") }
      guard !rest.isEmpty else { return }
      let name = rest.prefix(while: Self.isTokenByte)
      rest = rest.dropFirst(name.count)
      var argument: [UInt8]?
      if !name.isEmpty, rest.first == UInt8(ascii: "=") {
        rest = rest.dropFirst()
        argument = Self.argument(&rest)
        guard argument != nil else { return forbidsReuse = true }
      }
      rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
      guard !name.isEmpty, rest.isEmpty || rest.first == UInt8(ascii: ",") else {
        return forbidsReuse = true
      }
      note(name.map(\.asciiLowercased), argument)
    }
  }

  private mutating func note(_ name: [UInt8], _ argument: [UInt8]?) {
    switch String(decoding: name, as: UTF8.self) {
    // With an argument it is about some fields only (RFC 9111 §5.2.2.4), which many ignore.
    case "no-store", "no-cache": forbidsReuse = true
    case "max-age" where maxAge == nil:
      guard let seconds = CacheLife.seconds((argument ?? [])[...]) else {
        return forbidsReuse = true
      }
      maxAge = seconds
    default: break
    }
  }

  /// A token or quoted string; nil for neither.
  private static func argument(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    guard rest.first == UInt8(ascii: "\"") else {
      let token = rest.prefix(while: isTokenByte)
      rest = rest.dropFirst(token.count)
      return token.isEmpty ? nil : Array(token)
    }
    rest = rest.dropFirst()
    var text: [UInt8] = []
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return text
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst() else { return nil }
        text.append(escaped)
      default: text.append(byte)
      }
    }
    return nil
  }

  /// RFC 9110 §5.6.2.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    byte.isASCIIAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}
