// Access and refresh: the two kinds of token that a realm signs (DESIGN §5.4).

/// What a token is for.
public enum TokenClass: UInt8, Sendable, CaseIterable {
  /// Presented on ordinary routes.
  case access
  /// Presented where new access tokens are made, and nowhere else.
  case refresh

  /// The word of the configuration and of the `type` claim.
  public var name: StaticString {
    switch self {
    case .access: "access"
    case .refresh: "refresh"
    }
  }
}

/// Which classes a route takes.
public enum AcceptedClasses: UInt8, Sendable {
  /// Access tokens only: `auth required` and `auth optional`.
  case access
  /// Refresh tokens only: `auth refresh`.
  case refresh
  /// Either: `auth any`.
  case any

  /// True when a token of `tokenClass` may pass.
  public func includes(_ tokenClass: TokenClass) -> Bool {
    switch self {
    case .access: tokenClass == .access
    case .refresh: tokenClass == .refresh
    case .any: true
    }
  }
}
