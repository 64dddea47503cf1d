// What many TLS connections have in common: whom to trust, which versions, which protocols. One
// object of OpenSSL's, set up whole in `init` and never changed afterwards.
//
// The rules are not adjustable: TLS 1.2 at least, no compression (CRIME), no renegotiation
// (CVE-2011-1473), keys of 112 bits of strength and more, and the peer's certificate is verified,
// always. A server's side would be a further initializer here; sessions don't care which side it was.
//
// Made at start-up and on key-set changes; used by any thread.

import Bytes
import COpenSSL

/// Whose certificates are believed.
public enum TLSAuthorities: Sendable {
  /// Those that the machine's administrator trusts (`/etc/ssl/certs`, or what `SSL_CERT_FILE` and
  /// `SSL_CERT_DIR` say). Looked up while a certificate is verified: small local files.
  case system
  /// The certificates of a PEM text, and no others.
  case pem([UInt8])
}

/// The common part of TLS connections.
@safe
public final class TLSContext: @unchecked Sendable {
  // Unchecked because of the pointer: set up in `init` alone, freed in `deinit`. OpenSSL counts its
  // uses and locks what sessions share (the cache of looked-up authorities).
  @unsafe let pointer: OpaquePointer

  /// The longest chain of certificates between the peer's own and a trusted one.
  public static let chainDepthMaximum = 8

  /// A context of clients. `protocols` are offered by ALPN (RFC 7301), best first: `http/1.1`.
  public init(client authorities: TLSAuthorities, protocols: [String] = []) throws(TLSFault) {
    let offer = try Self.offer(protocols)
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
      throw .unavailable(reason: Self.queuedReason())
    }
    unsafe pointer = unsafe context
    // From here on `deinit` frees the context when this throws.
    guard unsafe tlsSetMinimumToTLS12(context) == 1 else {
      throw .unavailable(reason: Self.queuedReason())
    }
    unsafe tlsSetModes(context)
    unsafe SSL_CTX_set_options(context, tlsOptions)
    unsafe SSL_CTX_set_security_level(context, 2)
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    unsafe SSL_CTX_set_verify_depth(context, Int32(Self.chainDepthMaximum))
    if !offer.isEmpty {
      // The array's own count; 0 is success here, unlike everywhere else.
      let result = unsafe SSL_CTX_set_alpn_protos(context, offer, UInt32(offer.count))
      guard result == 0 else { throw .unavailable(reason: Self.queuedReason()) }
    }
    switch authorities {
    case .system:
      guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else {
        throw .unavailable(reason: Self.queuedReason())
      }
    case .pem(let text):
      try unsafe Self.trust(text, in: context)
    }
  }

  deinit { unsafe SSL_CTX_free(pointer) }

  /// The wire form of a list of protocol names.
  private static func offer(_ protocols: [String]) throws(TLSFault) -> [UInt8] {
    var offer: [UInt8] = []
    for name in protocols {
      guard let count = UInt8(exactly: name.utf8.count), count > 0, offer.count <= 4096 else {
        throw .badProtocolName
      }
      offer.append(count)
      offer += Array(name.utf8)
    }
    return offer
  }

  @unsafe
  private static func trust(_ text: [UInt8], in context: OpaquePointer) throws(TLSFault) {
    // Borrowed from the context.
    let store = unsafe SSL_CTX_get_cert_store(context)
    var count = 0
    do throws(KeyFault) {
      for block in try PEMBlock.all(in: text.span) {
        guard block.label == "CERTIFICATE" || block.label == "X509 CERTIFICATE" else { continue }
        guard let certificate = unsafe certificate(block.contents) else { throw .malformed }
        defer { unsafe X509_free(certificate) }
        // The store takes a reference of its own.
        guard unsafe X509_STORE_add_cert(store, certificate) == 1 else { throw .malformed }
        count += 1
      }
    } catch {
      throw .unreadableAuthorities
    }
    if count == 0 { throw .unreadableAuthorities }
  }

  @unsafe
  private static func certificate(_ bytes: [UInt8]) -> OpaquePointer? {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      // OpenSSL reads at most buffer.count bytes.
      var start = buffer.baseAddress
      return unsafe d2i_X509(nil, &start, buffer.count)
    }
  }

  /// OpenSSL's constant text for the oldest fault of this thread's queue.
  static func queuedReason() -> String {
    let code = ERR_peek_error()
    guard code != 0, let text = unsafe ERR_reason_error_string(code) else {
      return "no reason given"
    }
    // A constant of the library, or nil.
    return unsafe String(cString: text)
  }
}
