// One JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2), judged.
//
// A key is either good for signatures or refused with a reason; nothing is repaired. `use` and
// `key_ops` must allow it, `alg` must be an algorithm of ours that fits the key, numbers are strict
// base64url of exactly the right length. Private members are looked at only when a signer asks.
//
// Start-up and tools.

import Bytes
import Crypto
import JSON

/// Why a JWK is not used.
struct JSONWebKeyFault: Error {
  /// What follows "the key": `has no kty`.
  let message: String

  init(_ message: String) { self.message = message }
}

/// A reader for the object at `row`.
struct JSONWebKey {
  /// A `kid` beyond this could not stand in a token's header.
  static let identifierBytesMaximum = 1024
  /// Secrets beyond a hash's block gain nothing.
  static let secretBytesMaximum = 4096

  let document: JSONDocument
  let row: Int
  /// True to take the private half, for signing.
  let wantsPrivate: Bool

  /// The kinds of key that a set must not mix.
  enum Family { case symmetric, asymmetric }

  /// What `kty` says, nil where it says nothing that we know.
  func family(_ text: Span<UInt8>) -> Family? {
    switch string("kty", text) {
    case "oct": .symmetric
    case "RSA", "EC", "OKP": .asymmetric
    default: nil
    }
  }

  /// How a person would name the key.
  func label(_ text: Span<UInt8>) -> String {
    string("kid", text).map { JSONText.quoted($0) } ?? "without kid"
  }

  /// The key, or why it is none.
  func read(_ text: Span<UInt8>) throws(JSONWebKeyFault) -> TokenKey {
    guard document.kind(row) == .object else { throw JSONWebKeyFault("is no JSON object") }
    try checkUse(text, use: "sig", operations: ["verify", "sign"])
    let identifier = try identifier(text)
    let material: TokenKey.Material
    switch string("kty", text) {
    case "oct":
      let bytes = try number("k", text)
      material = .secret(SecretBytes(bytes.span))
    case "RSA": material = try rsa(text)
    case "EC": material = try point(text)
    case "OKP": material = try ed25519(text)
    case .some(let type):
      throw JSONWebKeyFault("has the unknown kty \(JSONText.quoted(type))")
    case nil: throw JSONWebKeyFault("has no kty")
    }
    let algorithm = try algorithm(text, for: material)
    if case .secret(let secret) = material {
      let minimum = algorithm?.secretBytesMinimum ?? TokenAlgorithm.hs256.secretBytesMinimum
      guard secret.count >= minimum else {
        throw JSONWebKeyFault(
          "has \(secret.count) bytes; its algorithm needs at least \(minimum)")
      }
      guard secret.count <= Self.secretBytesMaximum else {
        throw JSONWebKeyFault("has more than \(Self.secretBytesMaximum) bytes")
      }
    }
    return TokenKey(material, algorithm: algorithm, identifier: identifier)
  }

  // MARK: What it is for

  /// Refuses a key whose `use` or `key_ops` are for something else.
  func checkUse(
    _ text: Span<UInt8>, use: StaticString, operations: [StaticString]
  ) throws(JSONWebKeyFault) {
    let purpose = "\(use)" == "enc" ? "encryption" : "signatures"
    if let value = document.member("use", of: row, in: text),
      !document.string(value, in: text, equals: use)
    {
      throw JSONWebKeyFault("is not for \(purpose) (use)")
    }
    guard let listed = document.member("key_ops", of: row, in: text) else { return }
    guard document.kind(listed) == .array else {
      throw JSONWebKeyFault("has key_ops that are no array")
    }
    var element = listed + 1
    let end = document.next(listed)
    while element < end {
      // Some keys have the whole list in one string, `["sign, verify"]` (Wycheproof's vector 349).
      let words = (document.text(element, in: text) ?? "").split { $0 == "," || $0 == " " }
      for operation in operations where words.contains(where: { $0 == "\(operation)" }) { return }
      element = document.next(element)
    }
    throw JSONWebKeyFault("is not for \(purpose) (key_ops)")
  }

  /// What a key for signatures is called, whether it can be used or not; nil where it has no name
  /// or is for something else.
  func signatureName(_ text: Span<UInt8>) -> SignatureName? {
    guard document.kind(row) == .object, let identifier = string("kid", text),
      (try? checkUse(text, use: "sig", operations: ["verify", "sign"])) != nil
    else { return nil }
    return SignatureName(
      identifier: identifier, type: string("kty", text), algorithm: string("alg", text))
  }

  /// A name, and what tells keys of one name apart (RFC 7517 §4.5).
  struct SignatureName {
    let identifier: String
    let type: String?
    let algorithm: String?

    /// True when a token that says this name may mean the other key.
    func meansAlso(_ other: SignatureName) -> Bool {
      identifier == other.identifier && type == other.type
        && (algorithm == nil || other.algorithm == nil || algorithm == other.algorithm)
    }
  }

  func identifier(_ text: Span<UInt8>) throws(JSONWebKeyFault) -> [UInt8]? {
    guard let value = document.member("kid", of: row, in: text) else { return nil }
    guard let name = document.text(value, in: text) else {
      throw JSONWebKeyFault("has a kid that is no string")
    }
    guard name.utf8.count <= Self.identifierBytesMaximum else {
      throw JSONWebKeyFault("has a kid of more than \(Self.identifierBytesMaximum) bytes")
    }
    return Array(name.utf8)
  }

  private func algorithm(
    _ text: Span<UInt8>, for material: TokenKey.Material
  ) throws(JSONWebKeyFault) -> TokenAlgorithm? {
    guard has("alg", text) else { return nil }
    let name = Array((string("alg", text) ?? "").utf8)
    guard let algorithm = TokenAlgorithm(name.span) else {
      throw JSONWebKeyFault("has an alg that is none of \(TokenAlgorithm.allNames)")
    }
    guard TokenKey(material).fittingAlgorithms.contains(algorithm) else {
      throw JSONWebKeyFault("is no key for its alg, \(algorithm.name)")
    }
    return algorithm
  }

  // MARK: What it is made of

  func rsa(_ text: Span<UInt8>) throws(JSONWebKeyFault) -> TokenKey.Material {
    let modulus = try number("n", text)
    let exponent = try number("e", text)
    var secret: RSAPrivateNumbers?
    if wantsPrivate { secret = try rsaSecret(text) }
    do throws(KeyFault) {
      guard let secret else {
        return .publicKey(try PublicKey(modulus: modulus, exponent: exponent))
      }
      return .privateKey(try PrivateKey(modulus: modulus, exponent: exponent, secret))
    } catch {
      throw JSONWebKeyFault(error.message)
    }
  }

  private func rsaSecret(_ text: Span<UInt8>) throws(JSONWebKeyFault) -> RSAPrivateNumbers {
    if document.member("oth", of: row, in: text) != nil {
      throw JSONWebKeyFault("has more than two primes")
    }
    var numbers = RSAPrivateNumbers(exponent: try number("d", text), factors: [])
    // All of them or none (RFC 7518 §6.3.2).
    guard document.member("p", of: row, in: text) != nil else { return numbers }
    for name in ["p", "q", "dp", "dq", "qi"] as [StaticString] {
      numbers.factors.append(try number(name, text))
    }
    return numbers
  }

  private func point(_ text: Span<UInt8>) throws(JSONWebKeyFault) -> TokenKey.Material {
    let curve: KeyCurve
    switch string("crv", text) {
    case "P-256": curve = .p256
    case "P-384": curve = .p384
    case "P-521": curve = .p521
    default: throw JSONWebKeyFault("has a crv that is none of P-256, P-384, P-521")
    }
    let x = try number("x", text)
    let y = try number("y", text)
    var secret: [UInt8]?
    if wantsPrivate { secret = try number("d", text) }
    do throws(KeyFault) {
      guard let secret else { return .publicKey(try PublicKey(curve, x: x, y: y)) }
      return .privateKey(try PrivateKey(curve, x: x, y: y, secret: secret))
    } catch {
      throw JSONWebKeyFault(error.message)
    }
  }

  private func ed25519(_ text: Span<UInt8>) throws(JSONWebKeyFault) -> TokenKey.Material {
    guard string("crv", text) == "Ed25519" else {
      throw JSONWebKeyFault("has a crv that is not Ed25519")
    }
    let x = try number("x", text)
    var secret: [UInt8]?
    if wantsPrivate { secret = try number("d", text) }
    do throws(KeyFault) {
      guard let secret else { return .publicKey(try PublicKey(ed25519: x)) }
      return .privateKey(try PrivateKey(ed25519: secret, publicBytes: x))
    } catch {
      throw JSONWebKeyFault(error.message)
    }
  }

  // MARK: Members

  func has(_ name: StaticString, _ text: Span<UInt8>) -> Bool {
    document.member(name, of: row, in: text) != nil
  }

  func string(_ name: StaticString, _ text: Span<UInt8>) -> String? {
    document.member(name, of: row, in: text).flatMap { document.text($0, in: text) }
  }

  /// The bytes of a base64url member.
  func number(
    _ name: StaticString, _ text: Span<UInt8>
  ) throws(JSONWebKeyFault) -> [UInt8] {
    guard let value = string(name, text) else { throw JSONWebKeyFault("has no \(name)") }
    let letters = Array(value.utf8)
    var decoded = ByteBuffer(capacity: letters.count + 4)
    guard Base64URL.decode(letters.span, into: &decoded) else {
      throw JSONWebKeyFault("has a \(name) that is not strict base64url")
    }
    return [UInt8](copying: decoded.readable)
  }
}
