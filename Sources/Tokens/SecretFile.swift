// How a secret's file is read: Docker and Kubernetes secrets, and files that people write by hand.
//
// Editors and `echo` end a file with a line feed that nobody means, so exactly one is dropped, and
// said: a backend that reads the same file without dropping it has another secret.

/// Rules of `secret_file`.
public enum SecretFile {
  /// Longest file that is read, in bytes.
  public static let bytesMaximum = 64 << 10

  /// Drops one LF or CR LF at the end; true when there was one.
  public static func dropLineEnd(_ bytes: inout [UInt8]) -> Bool {
    guard bytes.last == UInt8(ascii: "\n") else { return false }
    bytes.removeLast()
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    return true
  }
}
