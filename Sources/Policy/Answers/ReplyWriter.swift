// Complete answers of the gateway itself.

import Bytes
import HTTPWire
import Tokens

/// Writes the gateway's own answers.
public enum ReplyWriter {
  /// Bytes that the longest answer needs.
  public static let replyBytesMaximum = 8192

  /// Appends the answer to a refused request or a preflight and returns its status.
  ///
  /// `head` may be one that never became complete (a malformed request): then nothing of it but the
  /// method is used. `epochSeconds` is for `Date`; `extra` holds complete field lines to add.
  public static func append(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, set: PolicySet,
    closes: Bool, epochSeconds: Int64, to buffer: inout ByteBuffer
  ) -> Int { 500 }
}
