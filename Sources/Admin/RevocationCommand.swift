// The body of `POST /revoke` and `POST /unrevoke`: JSON in, a command out.
//
// Strict, because a misspelt member would otherwise widen what is revoked: unknown members, two
// targets, or a bound that doesn't belong to the target are refused. Nothing of the body is
// repeated in a refusal, since it may hold a token.

import Bytes
import JSON
import Policy

/// What to revoke, as the operator says it.
struct RevocationCommand: Sendable, Equatable {
  /// Longest `jti` or subject that is taken, in bytes: what the journal takes, without the prefix
  /// that marks a `jti`.
  static let valueBytesMaximum = RevocationRecord.valueBytesMaximum - 4
  /// Largest time that is taken: the end of the year 9999. Larger ones are milliseconds by mistake.
  static let timeMaximum: Int64 = 253_402_300_799

  /// What it is about.
  enum Target: Sendable, Equatable {
    /// The token with this `jti`.
    case identifier(String)
    /// This very token.
    case token([UInt8])
    /// The tokens of this subject.
    case subject(String)
    /// All tokens of the realm.
    case everyone
  }

  var target: Target
  /// Name of the realm; nil for the only one.
  var realm: String?
  /// Tokens issued at or before this are meant (`subject`, `everyone`); nil means the present.
  var before: Int64?
  /// When the token with that `jti` expires, if the operator knows.
  var expires: Int64?
}

extension RevocationCommand {
  /// Reads a body; `toLift` for `/unrevoke`, which takes no times.
  static func parse(_ body: Span<UInt8>, toLift: Bool) throws(AdminAnswer) -> RevocationCommand {
    let document = JSONDocument(depthMaximum: 4, nodeMaximum: 32)
    switch document.parse(body) {
    case .valid: break
    case .invalid(let fault, let offset):
      throw .refusal(400, "the body isn't JSON: \(fault.name) at byte \(offset)")
    }
    guard document.kind(0) == .object else { throw .refusal(400, "the body must be an object") }
    var reader = MemberReader(document: document)
    var row = 1
    while row < document.next(0) {
      try reader.read(row, body)
      row = document.next(row + 1)
    }
    return try reader.command(toLift: toLift)
  }
}

/// Collects the members of a command's object.
private struct MemberReader {
  let document: JSONDocument
  var targets: [RevocationCommand.Target] = []
  var realm: String?
  var before: Int64?
  var expires: Int64?

  init(document: JSONDocument) { self.document = document }

  mutating func read(_ row: Int, _ text: Span<UInt8>) throws(AdminAnswer) {
    func isNamed(_ name: StaticString) -> Bool { document.string(row, in: text, equals: name) }
    let value = row + 1
    if isNamed("jti") {
      targets.append(.identifier(try self.text("jti", value, text)))
    } else if isNamed("token") {
      guard let token = document.text(value, in: text), !token.isEmpty else {
        throw .refusal(400, "`token` must be a token's text")
      }
      targets.append(.token(Array(token.utf8)))
    } else if isNamed("subject") {
      // Tokens say their subject as a string or an integer; both compare as the same text.
      if let number = document.integer(value, in: text) {
        targets.append(.subject(String(number)))
      } else {
        targets.append(.subject(try self.text("subject", value, text)))
      }
    } else if isNamed("everyone") {
      guard document.kind(value) == .yes else {
        throw .refusal(400, "`everyone` must be `true`")
      }
      targets.append(.everyone)
    } else if isNamed("realm") {
      realm = try self.text("realm", value, text)
    } else if isNamed("before") {
      before = try time("before", value, text)
    } else if isNamed("expires") {
      expires = try time("expires", value, text)
    } else {
      throw .refusal(
        400, "unknown member; known are jti, token, subject, everyone, realm, before, expires")
    }
  }

  private func text(
    _ name: String, _ value: Int, _ text: Span<UInt8>
  ) throws(AdminAnswer) -> String {
    let limit = RevocationCommand.valueBytesMaximum
    guard let string = document.text(value, in: text), !string.isEmpty,
      string.utf8.count <= limit
    else {
      throw .refusal(400, "`\(name)` must be a string of 1 to \(limit) bytes")
    }
    // A zero byte would cut the value short for whoever reads it as a C string.
    guard !string.utf8.contains(0) else { throw .refusal(400, "`\(name)` holds a zero byte") }
    return string
  }

  private func time(
    _ name: String, _ value: Int, _ text: Span<UInt8>
  ) throws(AdminAnswer) -> Int64 {
    guard let seconds = document.integer(value, in: text), seconds >= 0,
      seconds <= RevocationCommand.timeMaximum
    else { throw .refusal(400, "`\(name)` must be whole seconds since 1970") }
    return seconds
  }

  func command(toLift: Bool) throws(AdminAnswer) -> RevocationCommand {
    guard let target = targets.first, targets.count == 1 else {
      throw .refusal(400, "say exactly one of jti, token, subject, everyone")
    }
    if toLift, before != nil || expires != nil {
      throw .refusal(400, "taking a revocation back needs no time")
    }
    switch target {
    case .identifier:
      guard before == nil else {
        throw .refusal(400, "`before` belongs to `subject` and `everyone`")
      }
    case .token:
      guard before == nil, expires == nil else {
        throw .refusal(400, "a token says its own times")
      }
    case .subject, .everyone:
      guard expires == nil else { throw .refusal(400, "`expires` belongs to `jti`") }
    }
    return RevocationCommand(target: target, realm: realm, before: before, expires: expires)
  }
}
