// Where configuration comes from when the gateway really runs: the file system and the environment.
//
// Blocks: start-up, Dispatch and tools, never a loop.

import Config
import EventLoop

extension ConfigSource {
  /// Files, directories and environment of this process.
  public static var system: ConfigSource {
    ConfigSource(
      readFile: { path, bytesMaximum in
        guard let status = Files.status(path) else { return .missing }
        switch status.kind {
        case .directory: return .failed(reason: "it is a directory")
        // A pipe or device might never end, or never begin.
        case .socket, .other: return .failed(reason: "it is not a file")
        case .file: if status.byteCount > bytesMaximum { return .tooLarge }
        }
        do throws(SystemError) {
          let bytes = try Files.read(path, bytesMaximum: bytesMaximum)
          return .bytes(bytes)
        } catch {
          return error.isMissingFile ? .missing : .failed(reason: error.reason)
        }
      },
      listDirectory: { directory in
        guard Files.status(directory)?.kind == .directory else { return .names([]) }
        // The directory's own name is no pattern.
        var escaped = ""
        for character in directory {
          if "[]*?\\".contains(character) { escaped.append("\\") }
          escaped.append(character)
        }
        do throws(SystemError) {
          let paths = try Files.glob(escaped + "/*")
          return .names(paths.map { ConfigPath.name(of: $0) })
        } catch {
          return .failed(reason: error.reason)
        }
      },
      environment: { System.environmentBytes($0) })
  }
}
