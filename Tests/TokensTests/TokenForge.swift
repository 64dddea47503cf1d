import Bytes
import Crypto
import Tokens

/// Builds realms and tokens, valid and damaged, and verifies them in types that `#expect` takes.
enum TokenForge {
  static let accessSecret = "an access secret of 40 bytes, for tests!"
  static let refreshSecret = "a refresh secret of 41 bytes, for tests!!"
  static let now: Int64 = 1_700_000_000

  /// A realm with two secrets, or with one when `refresh` is nil or equal.
  static func realm(
    access: String = accessSecret, refresh: String? = refreshSecret,
    _ change: (inout RealmDefinition) -> Void = { _ in }
  ) throws -> Realm {
    var definition = RealmDefinition(name: "main", index: 3)
    definition.access.secret = SecretDefinition(text: access)
    if let refresh {
      definition.refresh = ClassDefinition(secret: SecretDefinition(text: refresh))
    }
    change(&definition)
    return try Realm(definition)
  }

  /// One secret; the refresh class inherits it.
  static func singleSecretRealm() throws -> Realm {
    try realm(refresh: nil) { $0.refresh = ClassDefinition() }
  }

  static func sign(_ payload: String, secret: String = accessSecret) -> String {
    TokenSigner(secret: SecretBytes(text: secret)).sign(payload: payload)
  }

  static func sign(
    header: String, _ payload: String = "{\"exp\":1700000900}", secret: String = accessSecret,
    algorithm: TokenAlgorithm = .hs256
  ) -> String {
    TokenSigner(algorithm, secret: SecretBytes(text: secret)).sign(header: header, payload: payload)
  }

  static func encode(_ text: String) -> String { encode(Array(text.utf8)) }

  static func encode(_ bytes: [UInt8]) -> String {
    var buffer = ByteBuffer(capacity: bytes.count * 2 + 4)
    Base64URL.encode(bytes.span, into: &buffer)
    return String(lossy: buffer.readable)
  }

  /// The three parts of a token.
  static func parts(_ token: String) -> [String] {
    token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
  }
}

extension TokenVerifier {
  func verify(
    _ token: String, _ realm: Realm, _ accepting: AcceptedClasses = .access,
    now: Int64 = TokenForge.now
  ) -> TokenVerdict {
    let bytes = Array(token.utf8)
    return verify(bytes.span, realm: realm, accepting: accepting, nowSeconds: now)
  }

  /// The reason of a denial, nil for an accepted token.
  func refusal(
    _ token: String, _ realm: Realm, _ accepting: AcceptedClasses = .access,
    now: Int64 = TokenForge.now
  ) -> DenialReason? {
    switch verify(token, realm, accepting, now: now) {
    case .accepted: nil
    case .denied(let reason): reason
    // Told apart from every denial: no verifier says missing.
    case .undecided: .missing
    }
  }

  /// An identity header's value of the last accepted token.
  func claim(_ path: String, capacity: Int = 256) -> String? {
    var buffer = ByteBuffer(capacity: capacity)
    guard let path = ClaimPath(path), appendClaim(path, to: &buffer) else { return nil }
    return buffer.overflowed ? "overflow" : String(lossy: buffer.readable)
  }
}
