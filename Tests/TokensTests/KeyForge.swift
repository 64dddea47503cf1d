import Bytes
import Crypto
import Testing
import Tokens

/// A key, a realm and tokens of each algorithm, in types that `#expect` takes.
struct KeyForge: Sendable, CustomTestStringConvertible {
  let algorithm: TokenAlgorithm
  let signer: TokenSigner
  /// Takes access tokens of the one key, by its public half.
  let realm: Realm

  var testDescription: String { "\(algorithm.name)" }

  init(_ algorithm: TokenAlgorithm) throws {
    self.algorithm = algorithm
    signer = try Self.signer(algorithm)
    realm = try Self.realm([Self.jwk(algorithm)])
  }

  func sign(_ payload: String) -> String {
    signer.sign(header: "{\"alg\":\"\(algorithm.name)\"}", payload: payload)
  }

  /// One of each algorithm.
  static let all: [KeyForge] = TokenAlgorithm.allCases.compactMap { try? KeyForge($0) }

  static func signer(_ algorithm: TokenAlgorithm, kid: String? = nil) throws -> TokenSigner {
    let file = try read(jwk(algorithm, kid: kid, isPrivate: true), .signing)
    return try #require(TokenSigner(file.keys[0], algorithm))
  }

  /// A realm whose access keys are these JWKs.
  static func realm(
    _ keys: [String], algorithms: [TokenAlgorithm]? = nil,
    _ change: (inout RealmDefinition) -> Void = { _ in }
  ) throws -> Realm {
    var definition = RealmDefinition(name: "main", index: 0)
    definition.access.keySources = try keys.map { .file(try read($0)) }
    definition.access.algorithms = algorithms
    change(&definition)
    return try Realm(definition)
  }

  static func read(_ text: String, _ purpose: KeyFile.Purpose = .verifying) throws -> KeyFile {
    try KeyFile(Array(text.utf8).span, for: purpose)
  }

  /// Why a file is refused, nil when it is taken.
  static func refusal(_ text: String, _ purpose: KeyFile.Purpose = .verifying) -> String? {
    do {
      _ = try read(text, purpose)
      return nil
    } catch {
      return (error as? KeyFileFault)?.message
    }
  }

  static func set(_ keys: [String]) -> String {
    "{\"keys\":[\(keys.joined(separator: ","))]}"
  }

  /// 64 bytes, so that every hash takes it.
  static let secret = String(repeating: "QUJDREVGR0hJSktM", count: 5) + "QUJDRA"

  /// The JWK of an algorithm's key: numbers, then `alg` and `kid` where they are asked for.
  static func jwk(
    _ algorithm: TokenAlgorithm, kid: String? = nil, isPrivate: Bool = false,
    hasAlgorithm: Bool = true
  ) -> String {
    typealias Keys = TestKeys
    var members: [(String, String)]
    switch algorithm {
    case .hs256, .hs384, .hs512: members = [("kty", "oct"), ("k", secret)]
    case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512:
      members = [("kty", "RSA"), ("n", Keys.RSA.modulus), ("e", Keys.RSA.exponent)]
      if isPrivate {
        members += [
          ("d", Keys.RSA.secret), ("p", Keys.RSA.p), ("q", Keys.RSA.q), ("dp", Keys.RSA.dp),
          ("dq", Keys.RSA.dq), ("qi", Keys.RSA.qi),
        ]
      }
    case .es256:
      members = [("kty", "EC"), ("crv", "P-256"), ("x", Keys.P256.x), ("y", Keys.P256.y)]
      if isPrivate { members.append(("d", Keys.P256.secret)) }
    case .es384:
      members = [("kty", "EC"), ("crv", "P-384"), ("x", Keys.P384.x), ("y", Keys.P384.y)]
      if isPrivate { members.append(("d", Keys.P384.secret)) }
    case .es512:
      members = [("kty", "EC"), ("crv", "P-521"), ("x", Keys.P521.x), ("y", Keys.P521.y)]
      if isPrivate { members.append(("d", Keys.P521.secret)) }
    case .edDSA:
      members = [("kty", "OKP"), ("crv", "Ed25519"), ("x", Keys.Ed25519.x)]
      if isPrivate { members.append(("d", Keys.Ed25519.secret)) }
    }
    if hasAlgorithm { members.append(("alg", "\(algorithm.name)")) }
    if let kid { members.append(("kid", kid)) }
    return "{" + members.map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",") + "}"
  }
}
