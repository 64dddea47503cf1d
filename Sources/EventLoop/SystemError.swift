// What a failed system call becomes.
//
// EINTR never gets here (retried below), would-block is a result case of its caller. EBADF and EFAULT
// say that this program is wrong, not its surroundings: they stop it with the call's name, because
// going on could mean writing to somebody else's descriptor. Any thread.

import CPlatform
import Glibc

/// A system call that failed for a reason outside the program.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The errno.
  public let code: Int32
  /// The call that failed.
  public let call: StaticString

  /// Makes an error of `call` from an errno.
  public init(code: Int32, call: StaticString) {
    self.code = code
    self.call = call
  }

  /// True when the address is taken by somebody else (EADDRINUSE).
  public var isAddressInUse: Bool { code == EADDRINUSE }
  /// True when the file or its directory does not exist (ENOENT).
  public var isMissingFile: Bool { code == ENOENT }
  /// True when a file has more bytes than were asked for (EFBIG).
  public var isTooLarge: Bool { code == EFBIG }

  /// True when descriptors, memory or local ports have run out here: nobody else is to blame.
  public var isExhaustion: Bool {
    switch code {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EADDRNOTAVAIL: true
    default: false
    }
  }

  /// The system's text of the errno: "Address already in use".
  public var reason: String { Self.text(code) }

  /// For people: "bind: Address already in use".
  public var description: String { "\(call): \(reason)" }

  /// The system's text of any errno.
  public static func text(_ code: Int32) -> String {
    var text = [CChar](repeating: 0, count: 128)
    // The buffer's own count is handed over, and its last byte stays 0.
    unsafe platform_error_text(code, &text, text.count - 1)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Equal when code and call are.
  public static func == (left: SystemError, right: SystemError) -> Bool {
    left.code == right.code && left.call.description == right.call.description
  }
}

/// Hands on a result of `CPlatform` that is not negative, and throws the others.
@discardableResult
func check(_ result: Int32, _ call: StaticString) throws(SystemError) -> Int32 {
  if result >= 0 { return result }
  throw SystemError(code: blameless(-result, call), call: call)
}

/// Hands an errno on unless it proves a bug of ours.
@inline(__always)
func blameless(_ code: Int32, _ call: StaticString) -> Int32 {
  if code == EBADF || code == EFAULT { trapOnBug(code, call) }
  return code
}

@inline(never)
func trapOnBug(_ code: Int32, _ call: StaticString) -> Never {
  preconditionFailure("\(call): \(SystemError.text(code))")
}
