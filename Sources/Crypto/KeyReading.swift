// Keys from PEM and DER: a public key (SPKI), an RSA public key (PKCS#1), a certificate, a private
// key (PKCS#8, PKCS#1, SEC1).
//
// One file, one key: with two the reader would have to guess which is meant. A chain of
// certificates is the exception, whose first one is the leaf. Nothing of a certificate but its key
// is looked at: it was put there by the operator, and neither its names nor its dates are asked.
//
// Start-up and tools.

import Bytes
import COpenSSL

/// What a key file holds.
public enum PEMKey: Sendable {
  /// A public key or certificate.
  case publicKey(PublicKey)
  /// A private key, which has its public half.
  case privateKey(PrivateKey)

  /// Reads the one key of a PEM text.
  public init(_ text: Span<UInt8>) throws(KeyFault) {
    var keys: [PEMKey] = []
    var hasCertificate = false
    for block in try PEMBlock.all(in: text) {
      switch block.label {
      case "PUBLIC KEY", "RSA PUBLIC KEY":
        keys.append(.publicKey(try KeyReading.publicKey(block)))
      case "CERTIFICATE", "X509 CERTIFICATE":
        if hasCertificate { continue }
        hasCertificate = true
        keys.append(.publicKey(try KeyReading.publicKey(block)))
      case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
        keys.append(.privateKey(try KeyReading.privateKey(block)))
      case "ENCRYPTED PRIVATE KEY": throw .encrypted
      // `openssl ecparam -genkey` puts the curve's name before the key.
      case "EC PARAMETERS": continue
      default: continue
      }
    }
    guard let key = keys.first else { throw .noKey }
    if keys.count > 1 { throw .severalKeys }
    self = key
  }

  /// True when a text or its bytes are a key that is meant to be read, so that it must not be taken
  /// for a shared secret: PEM, an OpenSSH public key, or DER of a public key or certificate
  /// (CVE-2015-9235, CVE-2022-29217).
  public static func looksLikeKey(_ bytes: Span<UInt8>) -> Bool {
    if PEMBlock.isIn(bytes) { return true }
    for prefix in ["ssh-rsa ", "ssh-ed25519 ", "ssh-dss ", "ecdsa-sha2-"] {
      let wanted = Array(prefix.utf8)
      if bytes.starts(with: wanted.span) { return true }
    }
    let raw = [UInt8](copying: bytes)
    if KeyReading.isPublicDER(raw) { return true }
    var decoded = ByteBuffer(capacity: bytes.count + 4)
    return Base64.decode(bytes, into: &decoded)
      && KeyReading.isPublicDER([UInt8](copying: decoded.readable))
  }
}

enum KeyReading {
  static func publicKey(_ block: PEMBlock) throws(KeyFault) -> PublicKey {
    switch block.label {
    case "PUBLIC KEY":
      return PublicKey(try unsafe KeyHandle.adopt(subjectKey(block.contents)))
    case "RSA PUBLIC KEY":
      let key = unsafe decode(block.contents) { bytes, count in
        unsafe d2i_PublicKey(EVP_PKEY_RSA, nil, &bytes, count)
      }
      return PublicKey(try unsafe KeyHandle.adopt(key))
    default:
      return PublicKey(try unsafe KeyHandle.adopt(certificateKey(block.contents)))
    }
  }

  static func privateKey(_ block: PEMBlock) throws(KeyFault) -> PrivateKey {
    let key = unsafe decode(block.contents) { bytes, count in
      unsafe d2i_AutoPrivateKey(nil, &bytes, count)
    }
    return try PrivateKey(unsafe KeyHandle.adopt(key))
  }

  /// True for the DER of a public key or certificate, of whatever size and kind.
  static func isPublicDER(_ bytes: [UInt8]) -> Bool {
    // A SEQUENCE with a length of one byte or two: anything else is no key, and OpenSSL needn't
    // look.
    guard bytes.count > 40, bytes[0] == 0x30 else { return false }
    defer { ERR_clear_error() }
    let key = unsafe subjectKey(bytes) ?? certificateKey(bytes)
    defer { unsafe EVP_PKEY_free(key) }
    return unsafe key != nil
  }

  @unsafe
  private static func subjectKey(_ bytes: [UInt8]) -> OpaquePointer? {
    unsafe decode(bytes) { bytes, count in unsafe d2i_PUBKEY(nil, &bytes, count) }
  }

  @unsafe
  private static func certificateKey(_ bytes: [UInt8]) -> OpaquePointer? {
    let certificate = unsafe decode(bytes, free: { unsafe X509_free($0) }) { bytes, count in
      unsafe d2i_X509(nil, &bytes, count)
    }
    defer { unsafe X509_free(certificate) }
    // The key has a reference of its own; the certificate may go.
    return unsafe certificate == nil ? nil : X509_get_pubkey(certificate)
  }

  /// Lets OpenSSL decode `bytes`, which must be used up to the last one.
  @unsafe
  private static func decode(
    _ bytes: [UInt8], free: (OpaquePointer?) -> Void = { unsafe EVP_PKEY_free($0) },
    _ body: (_ start: inout UnsafePointer<UInt8>?, _ count: Int) -> OpaquePointer?
  ) -> OpaquePointer? {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      // OpenSSL reads at most buffer.count bytes and moves `start` behind what it used.
      var start = buffer.baseAddress
      guard let end = unsafe start.map({ unsafe $0 + buffer.count }) else { return nil }
      let object = unsafe body(&start, buffer.count)
      if unsafe start == end { return unsafe object }
      unsafe free(object)
      return nil
    }
  }
}
