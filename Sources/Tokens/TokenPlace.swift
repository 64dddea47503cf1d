// Where in a request a token is looked for, and how a header value becomes a token.
//
// The reading is the narrow one on which all backends agree. Flask-JWT-Extended splits the value at
// commas and Unicode white space, passport-jwt at any JavaScript white space without an anchor: a
// value that one of them reads otherwise than we do would let a token reach a backend unverified,
// so it is refused instead of read.

import Bytes

/// One place of a token.
public struct TokenPlace: Sendable, Equatable {
  /// The part of the request.
  public enum Kind: UInt8, Sendable {
    /// A header field, with or without a scheme word before the token.
    case header
    /// A cookie.
    case cookie
    /// A query parameter.
    case query
    /// A member of a JSON body or a field of a form.
    case bodyField
  }

  /// The part of the request.
  public let kind: Kind
  /// Name of the header (lower case), cookie, parameter or field.
  public let name: String
  /// UTF-8 bytes of `name`, for comparing.
  public let nameBytes: [UInt8]
  /// The scheme word in lower case; empty when the whole value is the token.
  public let scheme: [UInt8]

  /// The header, in lower case, that must repeat the token's `csrf` claim beside a cookie (double
  /// submit, as Flask-JWT-Extended has it); empty when none must.
  public let csrfHeader: [UInt8]

  /// Name and scheme word as the configuration spells them, for writing a token there: the library of
  /// a backend may compare the scheme with case.
  public let spelling: (name: String, scheme: String)

  private init(_ kind: Kind, _ name: String, _ scheme: String = "", csrfHeader: String = "") {
    self.kind = kind
    self.name = kind == .header ? name.lowercased() : name
    spelling = (name, scheme)
    nameBytes = Array(self.name.utf8)
    self.scheme = scheme.utf8.map { $0.asciiLowercased }
    self.csrfHeader = csrfHeader.utf8.map { $0.asciiLowercased }
  }

  /// A header field; `scheme` is empty when the whole value is the token.
  public static func header(_ name: String, scheme: String) -> TokenPlace {
    TokenPlace(.header, name, scheme)
  }
  /// A cookie. `csrfHeader` is empty when requests that change something need no proof that a page of
  /// the site itself sent them.
  public static func cookie(_ name: String, csrfHeader: String = "") -> TokenPlace {
    TokenPlace(.cookie, name, csrfHeader: csrfHeader)
  }
  /// A query parameter.
  public static func query(_ name: String) -> TokenPlace { TokenPlace(.query, name) }
  /// A member of a JSON body or a field of a form.
  public static func bodyField(_ name: String) -> TokenPlace { TokenPlace(.bodyField, name) }
  /// `Authorization: Bearer TOKEN`.
  public static let authorizationBearer = header("Authorization", scheme: "Bearer")

  /// True for places that are read alike, however they are spelled.
  public static func == (one: TokenPlace, two: TokenPlace) -> Bool {
    one.kind == two.kind && one.nameBytes == two.nameBytes && one.scheme == two.scheme
      && one.csrfHeader == two.csrfHeader
  }
}

/// What a header value holds for a place.
public enum CredentialReading: Sendable, Equatable {
  /// Nothing for this place: an empty value, or another scheme.
  case absent
  /// The token's bytes, as offsets into the value.
  case token(ByteRange)
  /// The scheme without one token behind it, or bytes that backends read differently.
  case malformed
  /// A comma list: backends disagree on which part counts.
  case ambiguous
}

extension TokenPlace {
  /// Reads a header value (surrounding white space trimmed) for this place. The scheme word is
  /// compared without case (RFC 9110 §11.1).
  public func read(_ value: Span<UInt8>) -> CredentialReading {
    var hasForeignByte = false
    for index in 0..<value.count {
      let byte = value[index]
      if byte == UInt8(ascii: ",") { return .ambiguous }
      // 0x20...0x7E: a tab, 0x85 or 0xA0 is white space to one backend and a letter to another.
      if byte &- 0x20 > 0x7E - 0x20 { hasForeignByte = true }
    }
    if value.isEmpty { return .absent }
    if hasForeignByte { return .malformed }
    if scheme.isEmpty { return word(of: value, from: 0) }
    guard value.count >= scheme.count,
      value.slice(from: 0, to: scheme.count).equalsIgnoringCase(scheme.span)
    else { return .absent }
    if value.count > scheme.count {
      let next = value[scheme.count]
      // "BearerX y" is another scheme; "Bearer:x" is a broken one.
      if next != UInt8(ascii: " ") { return next.isTokenCharacter ? .absent : .malformed }
    }
    return word(of: value, from: scheme.count)
  }

  /// The only word at or after `start`.
  private func word(of value: Span<UInt8>, from start: Int) -> CredentialReading {
    var first = start
    while first < value.count, value[first] == UInt8(ascii: " ") { first += 1 }
    var end = first
    while end < value.count, value[end] != UInt8(ascii: " ") { end += 1 }
    guard end > first, end == value.count else { return .malformed }
    return .token(ByteRange(first, end))
  }
}

extension UInt8 {
  /// True for `tchar` of RFC 9110 §5.6.2.
  fileprivate var isTokenCharacter: Bool {
    if isASCIIAlphanumeric { return true }
    switch self {
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
      UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
      UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
      return true
    default: return false
    }
  }
}
