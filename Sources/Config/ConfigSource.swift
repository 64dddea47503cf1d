// The one door between configuration and the outside: where file texts, directory listings and the
// environment come from.
//
// Config itself opens nothing; Assembly passes functions of the operating system, tests pass a
// dictionary.

/// What reading a file gave.
public enum FileReading: Sendable, Equatable {
  /// The whole file.
  case bytes([UInt8])
  /// There is no such file.
  case missing
  /// It is there and can't be read; the reason in words, such as `Permission denied`.
  case failed(reason: String)
  /// It has more bytes than were asked for.
  case tooLarge
}

/// What listing a directory gave.
public enum DirectoryListing: Sendable, Equatable {
  /// The names in it, in any order; none when there is no such directory.
  case names([String])
  /// It is there and can't be read; the reason in words.
  case failed(reason: String)
}

/// Functions that read what a configuration names.
public struct ConfigSource {
  /// Reads a file of at most so many bytes.
  public var readFile: (_ path: String, _ bytesMaximum: Int) -> FileReading
  /// The names in a directory.
  public var listDirectory: (_ path: String) -> DirectoryListing
  /// The bytes of an environment variable; nil when it isn't set.
  public var environment: (_ name: String) -> [UInt8]?

  /// Makes a source of three functions.
  public init(
    readFile: @escaping (_ path: String, _ bytesMaximum: Int) -> FileReading,
    listDirectory: @escaping (_ path: String) -> DirectoryListing,
    environment: @escaping (_ name: String) -> [UInt8]?
  ) {
    self.readFile = readFile
    self.listDirectory = listDirectory
    self.environment = environment
  }

  /// A source of given texts: for tests and for compiling a configuration made in memory.
  public static func inMemory(
    files: [String: String], environment: [String: String] = [:]
  ) -> ConfigSource {
    ConfigSource(
      readFile: { path, bytesMaximum in
        guard let text = files[path] else { return .missing }
        let bytes = Array(text.utf8)
        return bytes.count > bytesMaximum ? .tooLarge : .bytes(bytes)
      },
      listDirectory: { directory in
        let prefix = directory == "." ? "" : directory + "/"
        let names = files.keys.filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count) }
        return .names(names.filter { !$0.contains("/") }.map(String.init))
      },
      environment: { environment[$0].map { Array($0.utf8) } })
  }
}

/// Bounds on what a configuration may be; each past its bound is an error that names it.
public enum ConfigLimits {
  /// Bytes of one file.
  public static let fileBytesMaximum = 1 << 20
  /// Files of one configuration, includes and environment files together.
  public static let fileCountMaximum = 256
  /// Includes within includes.
  public static let includeDepthMaximum = 8
  /// Blocks within blocks.
  public static let blockDepthMaximum = 16
  /// Directives of the whole configuration.
  public static let directiveCountMaximum = 20_000
  /// Arguments of one directive.
  public static let argumentCountMaximum = 256
  /// Bytes of one word, before and after variables are replaced.
  public static let wordBytesMaximum = 8 << 10
}

/// Paths as text: no file is looked at.
public enum ConfigPath {
  /// The path that `path` means when the file `file` names it: relative to that file's directory.
  public static func resolve(_ path: String, relativeTo file: String) -> String {
    if path.utf8.first == UInt8(ascii: "/") { return normalized(path) }
    let folder = directory(of: file)
    return normalized(folder == "." ? path : folder + "/" + path)
  }

  /// The directory of a path; `.` for a bare name.
  public static func directory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
  }

  /// The last component.
  public static func name(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
    return String(path[path.utf8.index(after: slash)...])
  }

  /// The path without `.` and doubled slashes, so that one file has one name; `..` stays, because
  /// resolving it as text is wrong where a directory is a link.
  static func normalized(_ path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." }
    let joined = parts.joined(separator: "/")
    if path.utf8.first == UInt8(ascii: "/") { return "/" + joined }
    return joined.isEmpty ? "." : joined
  }

  /// True when `name` matches `pattern`, in which `*` stands for any run and `?` for one character.
  /// A leading dot is matched by a dot only, as in a shell.
  static func matches(_ name: String, pattern: String) -> Bool {
    let text = Array(name)
    let glob = Array(pattern)
    if text.first == ".", glob.first != "." { return false }
    var at = 0
    var next = 0
    var starAt = -1
    var starNext = 0
    // Greedy with one step back to the latest star: linear but for that star.
    while at < text.count {
      if next < glob.count, glob[next] == "*" {
        starAt = at
        starNext = next
        next += 1
      } else if next < glob.count, glob[next] == "?" || glob[next] == text[at] {
        at += 1
        next += 1
      } else if starAt >= 0 {
        starAt += 1
        at = starAt
        next = starNext + 1
      } else {
        return false
      }
    }
    while next < glob.count, glob[next] == "*" { next += 1 }
    return next == glob.count
  }

  /// True when a path holds a wildcard.
  static func isGlob(_ path: String) -> Bool {
    path.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
  }
}
