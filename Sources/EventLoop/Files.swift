// Whole files, directories and patterns: configuration, secrets, journals. What is written bit by bit
// is an `AppendFile`.
//
// Everything here blocks: start-up, Dispatch and tools, never a loop. Paths are used as they are;
// what is relative is relative to the working directory.

import CPlatform
import Glibc

/// What a path names.
public struct FileStatus: Sendable, Equatable {
  /// Kinds of file.
  public enum Kind: Sendable {
    /// Bytes.
    case file
    /// Names.
    case directory
    /// A Unix socket.
    case socket
    /// A device, a pipe.
    case other
  }

  /// What it is.
  public let kind: Kind
  /// Size of a file.
  public let byteCount: Int
  /// Permission bits.
  public let mode: UInt32
  /// Number of the user it belongs to.
  public let owner: UInt32
  /// When the content last changed, in nanoseconds since 1970.
  public let modifiedNanoseconds: Int64

  fileprivate init(_ file: platform_file) {
    kind =
      switch UInt8(truncatingIfNeeded: file.kind) {
      case UInt8(ascii: "f"): .file
      case UInt8(ascii: "d"): .directory
      case UInt8(ascii: "s"): .socket
      default: .other
      }
    byteCount = Int(file.bytes)
    mode = file.mode
    owner = file.owner
    modifiedNanoseconds = file.modifiedNanoseconds
  }
}

/// Which content a path leads to, as far as that shows without reading it: another file (renamed to
/// this path, or behind a link that was turned) or other bytes in the same file make another stamp.
public struct FileStamp: Sendable, Equatable {
  private let device: UInt64
  private let inode: UInt64
  private let byteCount: Int64
  private let modifiedNanoseconds: Int64
  /// When it last changed in any way, in nanoseconds since 1970.
  public let changedNanoseconds: Int64

  fileprivate init(_ file: platform_file) {
    device = file.device
    inode = file.inode
    byteCount = file.bytes
    modifiedNanoseconds = file.modifiedNanoseconds
    changedNanoseconds = file.changedNanoseconds
  }
}

/// Which file it is, not what it is called.
struct FileIdentity: Sendable, Equatable {
  let device: UInt64
  let inode: UInt64
  let isSocket: Bool
}

/// Files and directories.
public enum Files {
  /// All bytes of a file; EFBIG when there are more than `bytesMaximum`.
  public static func read(_ path: String, bytesMaximum: Int) throws(SystemError) -> [UInt8] {
    // The path's bytes outlive the call, here and below.
    let descriptor = try check(unsafe platform_open_read(path), "open")
    defer { platform_close(descriptor) }
    let size = status(path)?.byteCount ?? 0
    return try readAll(descriptor, bytesMaximum: bytesMaximum, sizeHint: size)
  }

  /// What a path names, links followed, and all bytes of it when that is a file (nil otherwise: a pipe
  /// might never end). Both are of one opened file, so that nobody can exchange it in between. EFBIG
  /// when there are more than `bytesMaximum`.
  public static func readFile(
    _ path: String, bytesMaximum: Int
  ) throws(SystemError) -> (status: FileStatus, bytes: [UInt8]?) {
    var file = platform_file()
    // The struct outlives the call.
    let descriptor = try check(unsafe platform_open_regular(path, &file), "open")
    defer { platform_close(descriptor) }
    let status = FileStatus(file)
    guard status.kind == .file else { return (status, nil) }
    return (
      status, try readAll(descriptor, bytesMaximum: bytesMaximum, sizeHint: status.byteCount)
    )
  }

  static func readAll(
    _ descriptor: Int32, bytesMaximum: Int, sizeHint: Int
  ) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    // One more than the limit is asked for, so that a file of exactly that size passes. A file's
    // size is a hint only: those of /proc say 0, and a log may grow.
    let most = bytesMaximum + 1
    var room = min(max(sizeHint, 0) + 1, most)
    while bytes.count < most {
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: min(max(room, 4096), most - start)))
      let result = unsafe bytes.withUnsafeMutableBytes { all in
        // start <= all.count; the rest of the array is the room.
        unsafe platform_read(
          descriptor, all.baseAddress.map { unsafe $0 + start }, all.count - start)
      }
      bytes.removeLast(bytes.count - start - max(result, 0))
      if result < 0 { try check(Int32(truncatingIfNeeded: result), "read") }
      if result == 0 { return bytes }
      room = bytes.count
    }
    throw SystemError(code: EFBIG, call: "read")
  }

  /// Puts `bytes` in the place of a file so that a reader (and a crash) sees the old content or the
  /// new, never a part: written beside it, flushed, renamed.
  public static func replace(
    _ path: String, with bytes: Span<UInt8>, mode: UInt32
  ) throws(SystemError) {
    let temporary = path + ".new"
    _ = unsafe platform_unlink(temporary)
    let descriptor = try check(unsafe platform_open_new(temporary, mode), "open")
    do throws(SystemError) {
      defer { platform_close(descriptor) }
      let result = unsafe bytes.withUnsafeBytes { bytes in
        // The span's own start and count.
        unsafe platform_write_all(descriptor, bytes.baseAddress, bytes.count)
      }
      try check(result, "write")
      try check(platform_sync(descriptor, 0), "fsync")
    } catch {
      _ = unsafe platform_unlink(temporary)
      throw error
    }
    try rename(temporary, to: path)
  }

  /// Gives a file another name, in the place of what had it, and flushes the directory.
  public static func rename(_ path: String, to target: String) throws(SystemError) {
    try check(unsafe platform_rename(path, target), "rename")
    try check(unsafe platform_sync_directory(directory(of: target)), "fsync")
  }

  /// Removes a file; one that is not there is fine.
  public static func remove(_ path: String) throws(SystemError) {
    let result = unsafe platform_unlink(path)
    if result != -ENOENT { try check(result, "unlink") }
  }

  /// Removes an empty directory; one that is not there is fine.
  public static func removeDirectory(_ path: String) throws(SystemError) {
    let result = unsafe platform_remove_directory(path)
    if result != -ENOENT { try check(result, "rmdir") }
  }

  /// Makes a directory and those above it, as far as they are missing.
  public static func makeDirectories(_ path: String, mode: UInt32) throws(SystemError) {
    let result = unsafe platform_make_directory(path, mode)
    if result == -EEXIST, status(path)?.kind == .directory { return }
    guard result == -ENOENT, directory(of: path) != path else {
      try check(result, "mkdir")
      return
    }
    try makeDirectories(directory(of: path), mode: mode)
    let again = unsafe platform_make_directory(path, mode)
    if again != -EEXIST { try check(again, "mkdir") }
  }

  /// Makes a new directory under the system's temporary one (TMPDIR or /tmp), mode 0700.
  public static func makeTemporaryDirectory(prefix: String) throws(SystemError) -> String {
    let parent = System.environment("TMPDIR") ?? "/tmp"
    var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
    // The array ends with a zero; the call changes six letters in place.
    try check(unsafe platform_make_temporary_directory(&template), "mkdtemp")
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What a path names, links followed; nil when there is nothing (or no right to look).
  public static func status(_ path: String) -> FileStatus? {
    look(path, followsLinks: true).map { FileStatus($0) }
  }

  /// The stamp of what a path leads to, links followed; nil when there is nothing (or no right to
  /// look).
  public static func stamp(_ path: String) -> FileStamp? {
    look(path, followsLinks: true).map(FileStamp.init)
  }

  static func identity(_ path: String) -> FileIdentity? {
    guard let file = look(path, followsLinks: false) else { return nil }
    return FileIdentity(
      device: file.device, inode: file.inode, isSocket: FileStatus(file).kind == .socket)
  }

  /// The directory part of a path: "a" of "a/b", "/" of "/b", "." of "b".
  public static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The paths that match a shell pattern, sorted by byte; empty when none does.
  public static func glob(_ pattern: String) throws(SystemError) -> [String] {
    var found = unsafe glob_t()
    defer { unsafe globfree(&found) }
    // GLOB_ERR: a directory that can't be read is an error, not an empty answer.
    let result = unsafe Glibc.glob(pattern, GLOB_ERR | GLOB_NOSORT, nil, &found)
    switch result {
    case 0: break
    case GLOB_NOMATCH: return []
    case GLOB_NOSPACE: throw SystemError(code: ENOMEM, call: "glob")
    default: throw SystemError(code: EACCES, call: "glob")
    }
    var paths: [String] = []
    for index in 0..<Int(unsafe found.gl_pathc) {
      // index < gl_pathc, the number of texts that glob made.
      if let path = unsafe found.gl_pathv[index] { paths.append(unsafe String(cString: path)) }
    }
    return paths.sorted { left, right in left.utf8.lexicographicallyPrecedes(right.utf8) }
  }

  private static func look(_ path: String, followsLinks: Bool) -> platform_file? {
    var file = platform_file()
    // The path's bytes and the struct outlive the call.
    return unsafe platform_stat(path, followsLinks ? 1 : 0, &file) < 0 ? nil : file
  }
}
