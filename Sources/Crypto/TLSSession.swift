// One TLS connection (RFC 8446, RFC 5246) as a machine without a socket: ciphertext of the peer is fed
// in, plaintext is read out; plaintext is written in, ciphertext is drained. The handshake happens on
// the way of the first read or write.
//
// Between it and OpenSSL stand two memory BIOs, so the descriptor never leaves `EventLoop`, SIGPIPE
// can't happen here, and `Transport` stays pulled. Nothing is stored that a peer could let grow: the
// owner feeds only when the session asks, and drains before it goes on.
//
// Nothing becomes plaintext before the handshake is over and the certificate verified: bytes that a
// stranger sends ahead of it are read as records and end the session (CVE-2026-1642).
//
// Owned by one loop.

import Bytes
import COpenSSL

/// What one step of a session came to.
public enum TLSStep: Sendable, Equatable {
  /// So many bytes of plaintext went in or out.
  case moved(Int)
  /// Nothing goes on before more ciphertext of the peer was fed; what there is to drain, first.
  case wantsInput
  /// The peer said that it sends nothing more (close_notify).
  case closed
  /// It is over: see `fault`. An alert for the peer may be there to drain.
  case failed
}

/// A TLS connection.
@safe
public struct TLSSession: ~Copyable {
  private let session: OpaquePointer
  /// What came from the peer and was not looked at. Owned by `session`.
  private let input: OpaquePointer
  /// What has to go to the peer. Owned by `session`.
  private let output: OpaquePointer
  /// Kept as long as its session.
  private let context: TLSContext
  /// Why it is over; nil as long as it isn't.
  public private(set) var fault: TLSFault?

  /// The client's side of a connection to `name`, whose certificate the peer must have.
  public init(client context: TLSContext, to name: TLSServerName) throws(TLSFault) {
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard let session = unsafe SSL_new(context.pointer) else {
      throw .unavailable(reason: TLSContext.queuedReason())
    }
    guard let input = unsafe BIO_new(BIO_s_mem()), let output = unsafe BIO_new(BIO_s_mem()) else {
      unsafe SSL_free(session)
      throw .unavailable(reason: TLSContext.queuedReason())
    }
    unsafe tlsEmptyMeansLater(input)
    unsafe tlsEmptyMeansLater(output)
    // The session owns both from here on.
    unsafe SSL_set_bio(session, input, output)
    guard unsafe Self.expect(name, session) else {
      unsafe SSL_free(session)
      throw .unavailable(reason: TLSContext.queuedReason())
    }
    unsafe SSL_set_connect_state(session)
    unsafe self.session = unsafe session
    unsafe self.input = unsafe input
    unsafe self.output = unsafe output
    self.context = context
  }

  deinit { unsafe SSL_free(session) }

  /// Demands that the certificate is one for `name`. The subject's common name is no name (RFC 9525
  /// §2), and `f*.test` is no wildcard.
  @unsafe
  private static func expect(_ name: TLSServerName, _ session: OpaquePointer) -> Bool {
    // Borrowed from the session; the strings outlive the calls, which copy them.
    let rules = unsafe SSL_get0_param(session)
    if name.isAddress {
      return unsafe X509_VERIFY_PARAM_set1_ip_asc(rules, name.description) == 1
    }
    unsafe X509_VERIFY_PARAM_set_hostflags(rules, tlsHostFlags)
    return unsafe X509_VERIFY_PARAM_set1_host(rules, name.description, name.description.utf8.count)
      == 1 && tlsSetServerName(session, name.description) == 1
  }

  // MARK: Plaintext

  /// Reads plaintext into the buffer's room, which must not be empty.
  public mutating func read(into buffer: inout ByteBuffer) -> TLSStep {
    if fault != nil { return .failed }
    ERR_clear_error()
    let result = unsafe buffer.withUnsafeWritableBytes { room in
      // At most the room's count is written, and `count` says how much was.
      var count = 0
      let result = unsafe SSL_read_ex(session, room.baseAddress, room.count, &count)
      return result == 1 ? (count, (result, count)) : (0, (result, 0))
    }
    return result.0 == 1 ? .moved(result.1) : stopped(result.0)
  }

  /// Writes the buffer's readable plaintext, a record's worth of it at most, and consumes it.
  public mutating func write(from buffer: inout ByteBuffer) -> TLSStep {
    if fault != nil { return .failed }
    if buffer.isEmpty { return .moved(0) }
    ERR_clear_error()
    var count = 0
    let result = unsafe buffer.readable.withUnsafeBytes { bytes in
      // The span's own start and count.
      unsafe SSL_write_ex(session, bytes.baseAddress, bytes.count, &count)
    }
    guard result == 1 else { return stopped(result) }
    buffer.consume(count)
    return .moved(count)
  }

  /// Says that nothing more will be written. Reading goes on.
  public mutating func closeNotify() {
    guard fault == nil, isEstablished else { return }
    ERR_clear_error()
    // 0 says that the peer's word is still missing, which is none of our business here.
    _ = unsafe SSL_shutdown(session)
    ERR_clear_error()
  }

  /// Ends the session because its connection has ended: fine only after the peer said so.
  public mutating func connectionEnded() {
    if fault == nil { fault = isEstablished ? .truncated : .closedInHandshake }
  }

  /// Ends the session because its owner has had enough.
  public mutating func abandon(_ reason: TLSFault) {
    if fault == nil { fault = reason }
  }

  private mutating func stopped(_ result: Int32) -> TLSStep {
    defer { ERR_clear_error() }
    switch unsafe SSL_get_error(session, result) {
    // The output BIO takes everything, so wanting to write can't last.
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wantsInput
    case SSL_ERROR_ZERO_RETURN: return .closed
    default:
      let verdict = unsafe SSL_get_verify_result(session)
      if verdict != Int(X509_V_OK) {
        // A constant text of the library.
        fault = .untrusted(
          reason: unsafe String(cString: X509_verify_cert_error_string(verdict)))
      } else {
        fault = .protocolFault(reason: TLSContext.queuedReason())
      }
      return .failed
    }
  }

  // MARK: Ciphertext

  /// Takes all of the buffer's readable ciphertext.
  public mutating func feed(from buffer: inout ByteBuffer) {
    guard !buffer.isEmpty, fault == nil else { return buffer.clear() }
    let taken = unsafe buffer.readable.withUnsafeBytes { bytes in
      // The span's own start and count; a memory BIO takes everything or is out of memory.
      unsafe BIO_write(input, bytes.baseAddress, Int32(clamping: bytes.count))
    }
    guard Int(taken) == buffer.readableCount else {
      fault = .unavailable(reason: "out of memory")
      return buffer.clear()
    }
    buffer.consume(Int(taken))
  }

  /// Moves ciphertext for the peer into the buffer's room, as much as fits.
  public mutating func drain(into buffer: inout ByteBuffer) {
    guard outputByteCount > 0, buffer.writableCount > 0 else { return }
    _ = unsafe buffer.withUnsafeWritableBytes { room in
      // At most the room's count is written.
      let count = unsafe BIO_read(output, room.baseAddress, Int32(clamping: room.count))
      return (max(0, Int(count)), 0)
    }
  }

  /// Bytes of ciphertext that wait to be drained.
  public var outputByteCount: Int { unsafe BIO_ctrl_pending(output) }

  // MARK: State

  /// True when the handshake is over, and with it the peer verified.
  public var isEstablished: Bool { unsafe SSL_is_init_finished(session) == 1 }

  /// What ALPN has agreed on; nil for nothing.
  public var applicationProtocol: String? {
    var start: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    unsafe SSL_get0_alpn_selected(session, &start, &count)
    guard let start = unsafe start else { return nil }
    // `count` bytes that live as long as the session.
    let bytes = unsafe UnsafeBufferPointer(start: start, count: Int(count))
    return unsafe String(decoding: bytes, as: UTF8.self)
  }
}
