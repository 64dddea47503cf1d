// Keys from their numbers, as a JWK gives them (RFC 7518 §6, RFC 8037 §2).
//
// Lengths are checked here where the format fixes them (coordinates are exactly as long as the
// curve's numbers), everything else by the judgement in KeyHandle. Start-up and tools.

import Bytes
import COpenSSL

/// A curve of RFC 7518 §6.2.1.1.
public enum KeyCurve: Sendable, CaseIterable {
  /// P-256.
  case p256
  /// P-384.
  case p384
  /// P-521.
  case p521

  /// Exact size of a coordinate.
  public var byteCount: Int {
    switch self {
    case .p256: 32
    case .p384: 48
    case .p521: 66
    }
  }

  var groupName: String {
    switch self {
    case .p256: "P-256"
    case .p384: "P-384"
    case .p521: "P-521"
    }
  }
}

/// The private numbers of an RSA key beside its modulus and exponents.
public struct RSAPrivateNumbers {
  /// The private exponent, `d`.
  public var exponent: [UInt8]
  /// `p`, `q`, `dp`, `dq`, `qi`, or none of them.
  public var factors: [[UInt8]]

  /// Takes the numbers, big-endian.
  public init(exponent: [UInt8], factors: [[UInt8]]) {
    self.exponent = exponent
    self.factors = factors
  }
}

extension PublicKey {
  /// An RSA key from its big-endian numbers.
  public convenience init(modulus: [UInt8], exponent: [UInt8]) throws(KeyFault) {
    let numbers = KeyNumbers("RSA")
    numbers.add("n", number: modulus)
    numbers.add("e", number: exponent)
    self.init(try unsafe KeyHandle.adopt(numbers.makeKey(isPrivate: false)))
  }

  /// A point of a curve; both coordinates have exactly the curve's size.
  public convenience init(_ curve: KeyCurve, x: [UInt8], y: [UInt8]) throws(KeyFault) {
    let numbers = try KeyNumbers(curve, x, y)
    // OpenSSL refuses a point that isn't on the curve here already.
    guard let key = unsafe numbers.makeKey(isPrivate: false) else {
      ERR_clear_error()
      throw .badNumber
    }
    self.init(try unsafe KeyHandle.adopt(key))
  }

  /// An Ed25519 key of 32 bytes.
  public convenience init(ed25519 bytes: [UInt8]) throws(KeyFault) {
    guard bytes.count == 32 else { throw .badNumber }
    let key = unsafe bytes.withUnsafeBufferPointer { bytes in
      // 32 bytes are read, which there are.
      unsafe EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, bytes.baseAddress, bytes.count)
    }
    self.init(try unsafe KeyHandle.adopt(key))
  }
}

extension PrivateKey {
  /// An RSA key from its big-endian numbers.
  public convenience init(
    modulus: [UInt8], exponent: [UInt8], _ secret: RSAPrivateNumbers
  ) throws(KeyFault) {
    let numbers = KeyNumbers("RSA")
    numbers.add("n", number: modulus)
    numbers.add("e", number: exponent)
    numbers.add("d", number: secret.exponent)
    let names: [StaticString] = [
      "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2", "rsa-coefficient1",
    ]
    for (name, number) in zip(names, secret.factors) { numbers.add(name, number: number) }
    try self.init(unsafe KeyHandle.adopt(numbers.makeKey(isPrivate: true)))
  }

  /// A point of a curve and its private number, all of exactly the curve's size.
  public convenience init(
    _ curve: KeyCurve, x: [UInt8], y: [UInt8], secret: [UInt8]
  ) throws(KeyFault) {
    guard secret.count == curve.byteCount else { throw .badNumber }
    let numbers = try KeyNumbers(curve, x, y)
    numbers.add("priv", number: secret)
    guard let key = unsafe numbers.makeKey(isPrivate: true) else {
      ERR_clear_error()
      throw .badNumber
    }
    try self.init(unsafe KeyHandle.adopt(key))
  }

  /// An Ed25519 key from its 32 secret bytes, whose public half must be `publicBytes`.
  public convenience init(ed25519 secret: [UInt8], publicBytes: [UInt8]) throws(KeyFault) {
    guard secret.count == 32 else { throw .badNumber }
    let key = unsafe secret.withUnsafeBufferPointer { secret in
      // 32 bytes are read, which there are.
      unsafe EVP_PKEY_new_raw_private_key_ex(nil, "ED25519", nil, secret.baseAddress, secret.count)
    }
    try self.init(unsafe KeyHandle.adopt(key))
    let named = try PublicKey(ed25519: publicBytes)
    guard publicKey.equals(named) else { throw .mismatch }
  }
}

/// Numbers on their way into an OpenSSL key.
///
/// The builder keeps pointers to the names, so they are literals: a Swift string lends its bytes for
/// the call only. Their values are those of OSSL_PKEY_PARAM_RSA_N and its kin.
@safe
private final class KeyNumbers {
  private let typeName: String
  private let builder: OpaquePointer?
  /// Numbers must live until the parameters are built from them.
  private var numbers: [OpaquePointer] = unsafe []
  private var isWhole = true
  /// A curve's name with its 0, and a point of it in the uncompressed form.
  private var groupName: [CChar] = []
  private var point: [UInt8] = []

  init(_ typeName: String) {
    self.typeName = typeName
    unsafe builder = OSSL_PARAM_BLD_new()
  }

  convenience init(_ curve: KeyCurve, _ x: [UInt8], _ y: [UInt8]) throws(KeyFault) {
    guard x.count == curve.byteCount, y.count == curve.byteCount else { throw .badNumber }
    self.init("EC")
    groupName = Array(curve.groupName.utf8CString)
    point = [0x04] + x + y
  }

  deinit {
    unsafe OSSL_PARAM_BLD_free(builder)
    // Some of them are secret.
    unsafe numbers.forEach { unsafe BN_clear_free($0) }
  }

  /// A literal's bytes live for ever and end with a 0.
  @unsafe
  private func text(_ name: StaticString) -> UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  /// Adds a big-endian number.
  func add(_ name: StaticString, number bytes: [UInt8]) {
    let number = unsafe bytes.withUnsafeBufferPointer { bytes in
      // Exactly `count` bytes are read.
      unsafe BN_bin2bn(bytes.baseAddress, Int32(clamping: bytes.count), nil)
    }
    guard let number = unsafe number else {
      isWhole = false
      return
    }
    unsafe numbers.append(number)
    if unsafe OSSL_PARAM_BLD_push_BN(builder, text(name), number) != 1 { isWhole = false }
  }

  /// The key, or nil when OpenSSL can't make one of the numbers. To be called once.
  @unsafe
  func makeKey(isPrivate: Bool) -> OpaquePointer? {
    guard isWhole else { return nil }
    return unsafe groupName.withUnsafeBufferPointer { group in
      unsafe point.withUnsafeBufferPointer { point in
        // The builder keeps these two pointers until `to_param`, which copies what they point to;
        // the name ends with its 0, the point has `count` bytes.
        if point.count > 0 {
          guard
            unsafe OSSL_PARAM_BLD_push_utf8_string(
              builder, text("group"), group.baseAddress, 0) == 1,
            unsafe OSSL_PARAM_BLD_push_octet_string(
              builder, text("pub"), point.baseAddress, point.count) == 1
          else { return nil }
        }
        guard let parameters = unsafe OSSL_PARAM_BLD_to_param(builder) else { return nil }
        defer { unsafe OSSL_PARAM_free(parameters) }
        return unsafe makeKey(parameters, isPrivate: isPrivate)
      }
    }
  }

  @unsafe
  private func makeKey(
    _ parameters: UnsafeMutablePointer<OSSL_PARAM>, isPrivate: Bool
  ) -> OpaquePointer? {
    let context = unsafe EVP_PKEY_CTX_new_from_name(nil, typeName, nil)
    defer { unsafe EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard unsafe EVP_PKEY_fromdata_init(context) == 1,
      unsafe EVP_PKEY_fromdata(
        context, &key, isPrivate ? keySelectionPair : keySelectionPublic, parameters) == 1
    else { return nil }
    return unsafe key
  }
}
