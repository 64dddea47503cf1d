// What the configuration says about identity headers, before it is compiled.

import Tokens

/// Where an identity header's value comes from.
public enum IdentitySource: Sendable {
  /// A claim of the verified token.
  case claim(ClaimPath)
  /// The name of the realm that verified it (`$realm`).
  case realmName
}

/// One `header NAME CLAIM` line of the `identity` block.
public struct IdentityHeaderDefinition: Sendable {
  /// The field name as it is sent upstream.
  public var name: String
  /// The value.
  public var source: IdentitySource

  /// Makes an identity header.
  public init(name: String, source: IdentitySource) {
    self.name = name
    self.source = source
  }
}

/// The `assertion` line of the `identity` block.
public struct AssertionDefinition: Sendable {
  /// The field name where nothing is said.
  public static let nameDefault = "X-Identity-Assertion"

  /// The field name as it is sent upstream.
  public var name: String
  /// Index of the realm whose access key signs it.
  public var realm: Int

  /// Makes an assertion.
  public init(name: String = nameDefault, realm: Int) {
    self.name = name
    self.realm = realm
  }
}
