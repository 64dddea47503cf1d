// What a route asks of a token's claims (`require`), before and after it is compiled.
//
// Values are compared whole, never by containment: `orders:writer` is not `orders:write`, and a role
// is one string, not a list in a string. Only `scope` is split at spaces, because RFC 6749 §3.3 says
// so. Built at start, immutable, shared by all workers.

/// One `require` line: any of its values will do.
public struct ClaimRequirement: Sendable, Hashable {
  /// What is looked at.
  public enum Subject: Sendable, Hashable {
    /// The scopes: `scope`, or else `scp`, or else `scopes`.
    case scope
    /// The roles: `role`, or else `roles`.
    case role
    /// A claim by name or path.
    case claim(ClaimPath)
    /// Flask-JWT-Extended's `fresh`: true, or a time that is still to come.
    case fresh
  }

  /// Most values of one line.
  public static let valuesMaximum = 16
  /// Most lines of one route.
  public static let linesMaximum = 16

  /// What is looked at.
  public let subject: Subject
  /// The values that will do. A claim without any must only be there; `fresh` has none.
  public let values: [String]

  /// A line of the configuration.
  public init(_ subject: Subject, _ values: [String] = []) {
    self.subject = subject
    self.values = values
  }

  /// The line as a configuration says it, without `require`.
  public var text: String {
    let subject =
      switch subject {
      case .scope: "scope"
      case .role: "role"
      case .claim(let path): "claim \(path.text)"
      case .fresh: "fresh"
      }
    return ([subject] + values).joined(separator: " ")
  }

  /// True when a token that meets this meets `other` too.
  public func implies(_ other: ClaimRequirement) -> Bool {
    guard subject == other.subject else { return false }
    return other.values.isEmpty
      || (!values.isEmpty && Set(values).isSubset(of: other.values))
  }

  /// True for a scope as RFC 6749 §3.3 spells them, which a challenge can quote as it stands.
  public static func isScope(_ bytes: [UInt8]) -> Bool {
    !bytes.isEmpty
      && bytes.allSatisfy { byte in
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
      }
  }
}

/// All `require` lines of a route, ready for judging; every one must hold.
public final class ClaimRequirements: Sendable {
  /// One line.
  struct Row: Sendable {
    /// The claims that may hold the values: the first that is there counts.
    let claims: [ClaimPath]
    let values: [[UInt8]]
    let kind: Kind
  }

  /// How a row's claim is read.
  enum Kind: UInt8, Sendable {
    /// One string or an array of strings, a string split at spaces.
    case scopes
    /// One value or an array of values.
    case values
    /// Anything but nothing.
    case presence
    /// True, or seconds since 1970 that are still to come.
    case fresh
  }

  let rows: [Row]
  /// The lines it was made from, in the same order.
  public let lines: [ClaimRequirement]
  /// The scopes of all lines with spaces between them, for a challenge (RFC 6750 §3); empty without.
  public let scopeText: [UInt8]

  /// Compiles `lines`.
  public init(_ lines: [ClaimRequirement]) {
    self.lines = lines
    rows = lines.map { line in
      let values = line.values.map { Array($0.utf8) }
      switch line.subject {
      case .scope: return Row(claims: Self.scopeClaims, values: values, kind: .scopes)
      case .role: return Row(claims: Self.roleClaims, values: values, kind: .values)
      case .claim(let path):
        return Row(claims: [path], values: values, kind: values.isEmpty ? .presence : .values)
      case .fresh: return Row(claims: Self.freshClaims, values: [], kind: .fresh)
      }
    }
    var scopes: [String] = []
    for line in lines where line.subject == .scope {
      scopes += line.values.filter { !scopes.contains($0) }
    }
    scopeText = Array(scopes.joined(separator: " ").utf8)
  }

  private static let scopeClaims = ["scope", "scp", "scopes"].compactMap { ClaimPath($0) }
  private static let roleClaims = ["role", "roles"].compactMap { ClaimPath($0) }
  private static let freshClaims = ["fresh"].compactMap { ClaimPath($0) }
}
