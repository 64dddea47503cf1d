// Keys that open encrypted tokens. They prove nothing about who made one: everybody may encrypt for
// an RSA key, so what is inside must be signed like any other token.
//
// The key fixes how it is used: an RSA key with RSA-OAEP-256, a secret of 16 or 32 bytes with `dir`
// and the cipher of its size. PKCS #1 v1.5 (`RSA1_5`) and SHA-1 are not offered.
//
// Start-up and tools.

import Bytes
import Crypto
import JSON

/// One key that opens encrypted tokens.
public struct DecryptionKey: Sendable {
  /// Most keys of a realm: each that may be meant is tried, and a private operation is dear.
  public static let countMaximum = 8

  enum Material: Sendable {
    case direct(SecretBytes)
    case rsa(PrivateKey)
  }

  let material: Material
  /// The `kid` of a JWK.
  let identifier: [UInt8]?

  private init(_ material: Material, _ identifier: [UInt8]?) {
    self.material = material
    self.identifier = identifier
  }

  /// Reads the one key of a file: a private RSA key in PEM, or a JWK of type `RSA` or `oct`.
  public init(_ text: Span<UInt8>) throws(KeyFileFault) {
    var start = 0
    while start < text.count, text[start] <= 0x20 { start += 1 }
    if start < text.count, text[start] == UInt8(ascii: "{") {
      self = try Self.read(json: text)
      return
    }
    let file = try KeyFile(text, for: .signing)
    guard case .privateKey(let key) = file.keys[0].material, case .rsa = key.kind else {
      throw KeyFileFault("is no RSA key", hint: "tokens are encrypted for RSA keys or secrets")
    }
    self.init(.rsa(key), nil)
  }

  private static func read(json text: Span<UInt8>) throws(KeyFileFault) -> DecryptionKey {
    let document = JSONDocument(depthMaximum: 8, nodeMaximum: 256)
    if case .invalid(let fault, let offset) = document.parse(text) {
      throw KeyFileFault("is no strict JSON: \(fault.name) at byte \(offset)")
    }
    if document.containsNUL { throw KeyFileFault("holds a string with a NUL") }
    let reader = JSONWebKey(document: document, row: 0, wantsPrivate: true)
    do throws(JSONWebKeyFault) {
      try reader.checkUse(text, use: "enc", operations: ["decrypt", "unwrapKey"])
      let identifier = try reader.identifier(text)
      return DecryptionKey(try material(reader, text), identifier)
    } catch {
      throw KeyFileFault("holds a key that \(error.message)")
    }
  }

  private static func material(
    _ reader: JSONWebKey, _ text: Span<UInt8>
  ) throws(JSONWebKeyFault) -> Material {
    let algorithm = reader.string("alg", text)
    if algorithm == nil, reader.has("alg", text) {
      throw JSONWebKeyFault("has an alg that is no string")
    }
    let type = reader.string("kty", text)
    if type == "RSA" {
      guard algorithm == nil || algorithm == "RSA-OAEP-256" else {
        throw JSONWebKeyFault("has an alg that is not RSA-OAEP-256")
      }
      guard case .privateKey(let key) = try reader.rsa(text) else {
        throw JSONWebKeyFault("has no d")
      }
      return .rsa(key)
    }
    guard type == "oct" else { throw JSONWebKeyFault("has a kty that is neither RSA nor oct") }
    let bytes = try reader.number("k", text)
    guard ContentCipher.hasSize(bytes.count) else {
      throw JSONWebKeyFault("has \(bytes.count) bytes, where 16 or 32 are needed")
    }
    let cipher = bytes.count == 16 ? "A128GCM" : "A256GCM"
    guard algorithm == nil || algorithm == "dir" || algorithm == cipher else {
      throw JSONWebKeyFault("has an alg that is neither dir nor \(cipher)")
    }
    return .direct(SecretBytes(bytes.span))
  }

  /// True when it is this secret: a signing secret must not be published to those who encrypt.
  func equals(_ secret: SecretBytes) -> Bool {
    switch material {
    case .direct(let own): own.equals(secret)
    case .rsa: false
    }
  }

  /// True when the key may be meant by a header.
  func fits(_ management: KeyManagement, _ encryption: ContentEncryption) -> Bool {
    switch (material, management) {
    case (.direct(let secret), .direct): secret.count == encryption.keyByteCount
    case (.rsa, .rsaOAEP256): true
    case (.direct, .rsaOAEP256), (.rsa, .direct): false
    }
  }
}
