// The process and what it was started with. Start-up, command line and shutdown; any thread, but the
// environment must not be changed by anyone.

import CPlatform
import Glibc

/// The process.
public enum System {
  /// The words of the command line, without the program's name.
  public static var arguments: [String] { Array(CommandLine.arguments.dropFirst()) }

  /// The name the program was started by.
  public static var programName: String { CommandLine.arguments.first ?? "gateway" }

  /// A variable of the environment; nil when it is not set.
  public static func environment(_ name: String) -> String? {
    // The text is copied before anybody could change the environment.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// The process's number.
  public static var processIdentifier: Int32 { getpid() }

  /// Number of the user that the process runs as.
  public static var userIdentifier: UInt32 { geteuid() }

  /// Ends the process at once.
  public static func exit(_ code: Int32) -> Never { Glibc.exit(code) }

  /// Allows as many open descriptors as the system lets us have; returns how many that is.
  @discardableResult
  public static func raiseDescriptorLimit() -> Int {
    max(0, Int(platform_raise_descriptor_limit()))
  }

  /// Gives the pages of freed memory back to the system. Takes up to a few milliseconds: for after a
  /// burst, not for every day. Any thread.
  public static func releaseFreeMemory() { platform_release_free_memory() }
}

/// The three streams a process starts with, and any other descriptor it was given (`--ready-fd`).
public enum StandardStream: Sendable, Equatable {
  /// Where answers go.
  case output
  /// Where diagnostics go.
  case error
  /// A descriptor by number, inherited from whoever started the process.
  case inherited(Int32)

  private var descriptor: Int32 {
    switch self {
    case .output: 1
    case .error: 2
    case .inherited(let number): number
    }
  }

  /// Writes all of a text, waiting as long as it takes.
  public func write(_ text: String) throws(SystemError) {
    try write(Array(text.utf8).span)
  }

  /// Writes all bytes, waiting as long as it takes. Of an inherited number that is no descriptor,
  /// EBADF is thrown: it came from a command line.
  public func write(_ bytes: Span<UInt8>) throws(SystemError) {
    let result = unsafe bytes.withUnsafeBytes { bytes in
      // The span's own start and count.
      unsafe platform_write_all(descriptor, bytes.baseAddress, bytes.count)
    }
    if result < 0 { throw SystemError(code: -result, call: "write") }
  }

  /// Closes an inherited descriptor; the standard ones stay.
  public func close() {
    if case .inherited(let number) = self, number > 2 { platform_close(number) }
  }

  /// True when there is a descriptor of that number.
  public var isOpen: Bool { fcntl(descriptor, F_GETFD) >= 0 }

  /// True when a person is watching.
  public var isTerminal: Bool { isatty(descriptor) == 1 }

  /// All of standard input, at most so many bytes; EFBIG beyond them.
  public static func readInput(bytesMaximum: Int) throws(SystemError) -> [UInt8] {
    try Files.readAll(0, bytesMaximum: bytesMaximum, sizeHint: 4096)
  }
}
