// The version that `gateway version` and `status` tell.

/// The version of this program.
public enum GatewayVersion {
  /// Major, minor and patch.
  public static let text = "0.1.0"
}
