// Commands as a Redis server reads them: an array of bulk strings, never an inline command, so that
// no argument (a token id, a subject) can be taken for protocol.

import Bytes

/// Writes one command. Append the arguments that were announced, no more and no fewer.
public enum RESPCommand {
  /// Begins a command of `argumentCount` arguments, its name included.
  public static func begin(argumentCount: Int, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "*"))
    buffer.append(decimal: argumentCount)
    buffer.append("\r\n")
  }

  /// Appends an argument.
  public static func append(_ argument: Span<UInt8>, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "$"))
    buffer.append(decimal: argument.count)
    buffer.append("\r\n")
    buffer.append(argument)
    buffer.append("\r\n")
  }

  /// Appends a fixed argument.
  public static func append(_ argument: StaticString, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "$"))
    buffer.append(decimal: argument.utf8CodeUnitCount)
    buffer.append("\r\n")
    buffer.append(argument)
    buffer.append("\r\n")
  }
}
