// Which request fields a client can never set (DESIGN §5.3).
//
// Backends fold names: gunicorn and every other WSGI server make `X-User-Id`, `x_user_id` and
// `X.User.Id` one environment variable, so a guard that compares names as they are is no guard
// (CVE-2025-64484, CVE-2026-39858). Here names are compared by equivalence class: letters without
// case, everything that is neither letter nor digit alike.
//
// Two kinds of guarded name: those that only the gateway may set, in any spelling; and those that a
// client may set, but only under their proper spelling, because an alias of them would reach the
// backend as the real one (`Content_Length`, or an alias of a realm's token header, which would carry
// a token past the gate). Immutable, any thread.

import Bytes
import HTTPWire
import Tokens

/// The guarded field names.
public final class HeaderGuard: Sendable {
  /// Names that CGI and WSGI servers make of the request itself (RFC 3875 §4.1; gunicorn#2650 moved
  /// the path by `SCRIPT_NAME`), `Proxy` (httpoxy), and the address fields of proxies.
  private static let reserved = [
    "Forwarded", "X-Forwarded", "X-Real-IP", "Script-Name", "Path-Info", "Path-Translated",
    "Query-String", "Request-Method", "Request-URI", "Remote-Addr", "Remote-Host", "Remote-Ident",
    "Remote-User", "Remote-Port", "Server-Name", "Server-Port", "Server-Protocol",
    "Server-Software", "Gateway-Interface", "Auth-Type", "Document-Root", "Proxy",
    "X-Original-URL", "X-Rewrite-URL",
  ]
  /// Names that a client may send only as they are spelled here.
  private static let properOnly = [
    "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "X-Request-Id",
    "Sec-WebSocket-Protocol",
  ]
  /// Everything that begins like this is guarded.
  private static let reservedPrefix = "x-forwarded-"
  /// Known names that are guarded, or that stand for several names, and therefore always asked.
  private static let askedIDs: [FieldName] = [
    .other, .proxy, .accessControl, .forwarded, .xForwardedFor, .xForwardedProto,
    .xForwardedHost, .xForwardedPort, .xForwardedPrefix, .xRealIP,
  ]

  private struct Row: Sendable {
    /// The name folded: lower case, every other byte a dash.
    var folded: [UInt8]
    /// The name in lower case when that spelling is the client's right, empty when none is.
    var proper: [UInt8]
  }

  private let rows: [Row]
  /// The hash of each row's name.
  private let hashes: [Int]
  private let prefix: [UInt8]
  /// Bit n is set when the known name with raw value n is guarded in no configuration of this set.
  private let neverGuarded: UInt64
  /// Bit n is set when a guarded name has n bytes; most names of ordinary requests end here.
  private let lengths: UInt64
  /// First row of each hash value, then linear; -1 is empty. At most half full.
  private let slots: [Int16]

  init(_ definitions: PolicyDefinitions) {
    var rows: [Row] = []
    func add(_ name: String, mayBeProper: Bool) {
      let lower = name.utf8.map(\.asciiLowercased)
      let row = Row(folded: lower.map(Self.fold), proper: mayBeProper ? lower : [])
      if let twin = rows.firstIndex(where: { $0.folded == row.folded }) {
        // Guarded wins over allowed-when-proper.
        if !mayBeProper { rows[twin].proper = [] }
      } else {
        rows.append(row)
      }
    }
    for name in Self.reserved { add(name, mayBeProper: false) }
    for header in definitions.identityHeaders { add(header.name, mayBeProper: false) }
    if let assertion = definitions.assertion { add(assertion.name, mayBeProper: false) }
    for name in Self.properOnly { add(name, mayBeProper: true) }
    for realm in definitions.realms {
      for place in realm.places(.access) + realm.places(.refresh) where place.kind == .header {
        add(place.name, mayBeProper: true)
      }
    }
    var lengths: UInt64 = 0
    var slots = [Int16](repeating: -1, count: 64)
    while slots.count < rows.count * 2 + 2 {
      slots = [Int16](repeating: -1, count: slots.count * 2)
    }
    for index in rows.indices {
      lengths |= 1 << UInt64(min(rows[index].folded.count, 63))
      let folded = rows[index].folded
      var slot = Self.hash(folded.span) & (slots.count - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int16(index)
    }
    // An identity header may carry a name that the parser knows.
    let guardedIDs = rows.filter(\.proper.isEmpty).map { FieldName($0.folded.span) }
    neverGuarded = (guardedIDs + Self.askedIDs).reduce(UInt64.max) {
      $0 & ~(1 << UInt64($1.rawValue))
    }
    prefix = Array(Self.reservedPrefix.utf8)
    self.rows = rows
    hashes = rows.map { Self.hash($0.folded.span) }
    self.lengths = lengths
    self.slots = slots
  }

  /// True when a field of this name must not be forwarded from a client. In a trailer that holds for
  /// the proper spellings too: nobody judged a token that comes behind the body.
  public func isGuarded(name: Span<UInt8>, asTrailer: Bool = false) -> Bool {
    if name.count >= prefix.count, name[0] | 0x20 == prefix[0],
      Self.isFolding(name.slice(from: 0, to: prefix.count), prefix)
    {
      return true
    }
    guard lengths & 1 << UInt64(min(name.count, 63)) != 0 else { return false }
    let hash = Self.hash(name)
    var slot = hash & (slots.count - 1)
    while slots[slot] >= 0 {
      // Another name in this slot is told by its hash, without touching its row.
      let index = Int(slots[slot])
      guard hashes[index] == hash else {
        slot = (slot + 1) & (slots.count - 1)
        continue
      }
      let row = rows[index]
      if Self.isFolding(name, row.folded) {
        return asTrailer || row.proper.isEmpty || !name.equalsIgnoringCase(row.proper.span)
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return false
  }

  /// The same for a field of a parsed head.
  public func isGuarded(_ field: Field, bytes: Span<UInt8>) -> Bool {
    // What nearly every request carries is known by id and never guarded, unless an identity header
    // was given such a name.
    if neverGuarded & 1 << UInt64(field.id.rawValue) != 0 { return false }
    return isGuarded(name: bytes.slice(field.name))
  }

  // MARK: Folding

  private static func fold(_ byte: UInt8) -> UInt8 {
    byte.isASCIIAlphanumeric ? byte.asciiLowercased : UInt8(ascii: "-")
  }

  /// A few bytes are enough to part names of one length.
  private static func hash(_ name: Span<UInt8>) -> Int {
    var value = UInt64(truncatingIfNeeded: name.count)
    for index in 0..<name.count {
      value = (value ^ UInt64(fold(name[index]))) &* 0x100_0000_01b3
    }
    return Int(truncatingIfNeeded: (value ^ value >> 31) & 0x7fff_ffff)
  }

  private static func isFolding(_ name: Span<UInt8>, _ folded: [UInt8]) -> Bool {
    guard name.count == folded.count else { return false }
    for index in 0..<name.count where fold(name[index]) != folded[index] { return false }
    return true
  }
}
