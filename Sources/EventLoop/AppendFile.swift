// A file that grows at its end: logs and the revocation journal.
//
// Owned by whoever writes it (a Dispatch queue); every call may block. Bytes go to the kernel whole,
// in one `write` as long as the disk has room, so that lines of several writers don't mix.

import CPlatform

/// A file opened for appending. Closed when it goes away.
public struct AppendFile: ~Copyable, Sendable {
  private let descriptor: Int32

  /// Opens a file for appending, and makes it with `mode` when it is not there.
  public init(appendingTo path: String, mode: UInt32) throws(SystemError) {
    // The path's bytes outlive the call.
    descriptor = try check(unsafe platform_open_append(path, mode), "open")
  }

  /// Appends to standard output, wherever that goes.
  public static func standardOutput() throws(SystemError) -> AppendFile {
    AppendFile(adopting: try check(platform_duplicate(1), "dup"))
  }

  private init(adopting descriptor: Int32) { self.descriptor = descriptor }

  deinit { platform_close(descriptor) }

  /// Appends all bytes. After an error a part of them may be in the file.
  public borrowing func write(_ bytes: Span<UInt8>) throws(SystemError) {
    let result = unsafe bytes.withUnsafeBytes { bytes in
      // The span's own start and count.
      unsafe platform_write_all(descriptor, bytes.baseAddress, bytes.count)
    }
    try check(result, "write")
  }

  /// Appends all bytes of an array. After an error a part of them may be in the file.
  public borrowing func write(_ bytes: [UInt8]) throws(SystemError) {
    try write(bytes.span)
  }

  /// Waits until the disk has everything (fsync).
  public borrowing func sync() throws(SystemError) {
    try check(platform_sync(descriptor, 0), "fsync")
  }

  /// Waits until the disk has the bytes, but perhaps not the times (fdatasync): what a journal needs.
  public borrowing func syncData() throws(SystemError) {
    try check(platform_sync(descriptor, 1), "fdatasync")
  }

  /// Cuts the file to so many bytes: a journal drops a torn tail.
  public borrowing func truncate(toBytes count: Int) throws(SystemError) {
    try check(platform_truncate(descriptor, Int64(count)), "ftruncate")
  }
}
