// Token verification: bytes as they come, and claims under a genuine signature.
//
// The first byte says how: `s` for a header, a line feed and a payload to be signed; `p` for a
// payload below the usual header; `e` for a header, a line feed and a content to be encrypted; `k`
// for a key file; anything else for a token as it is.

import Bytes
import Crypto
import HTTPWire
import Tokens

private let secret = "an access secret of 40 bytes, for fuzzing"
private let now: Int64 = 1_700_000_000
private let hashKey = SipKey(1, 2)
private let claims = ["sub", "org.id", "realm_access.roles", "exp", "scope", "a"].compactMap {
  ClaimPath($0)
}

private func file(_ text: String) -> KeyFile {
  let bytes = Array(text.utf8)
  guard let file = try? KeyFile(bytes.span, for: .verifying) else {
    fatalError("a broken test key")
  }
  return file
}

private let keySet = file(
  #"{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
    + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},{"kty":"OKP","crv":"Ed25519","kid":"b","#
    + #""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)

private let decryptionKey: DecryptionKey = {
  let text = Array(#"{"kty":"oct","kid":"c","k":"AAECAwQFBgcICQoLDA0ODw"}"#.utf8)
  guard let key = try? DecryptionKey(text.span) else { fatalError("a broken test key") }
  return key
}()

private let realms: [Realm] = [TokenPreset.singleSecret, .nestDualSecret, .flaskJWTExtended]
  .enumerated().compactMap { index, preset in
    var definition = RealmDefinition(name: "main", index: index)
    definition.preset = preset
    definition.access.secret = SecretDefinition(text: secret)
    definition.refresh = ClassDefinition(lifetimeSeconds: 600_000)
    if preset == .nestDualSecret {
      definition.refresh?.secret = SecretDefinition(text: secret + ", refresh")
      definition.leewaySeconds = 30
    }
    if preset == .singleSecret {
      definition.access.keySources = [.file(keySet)]
      definition.decryptionKeys = [decryptionKey]
    }
    if preset == .flaskJWTExtended {
      definition.issuer = "me"
      definition.audiences = ["you", "all"]
      definition.access.lifetimeSeconds = 900
    }
    return try? Realm(definition)
  }

func fuzzToken(_ input: Span<UInt8>) {
  guard input.count > 0 else { return }
  check(realms.count == 3, "the realms don't compile")
  let rest = input.slice(from: 1)
  switch input[0] {
  case UInt8(ascii: "s"):
    let end = rest.firstIndex(of: 10) ?? rest.count
    judge(signed(rest.slice(from: 0, to: end), rest.slice(from: min(end + 1, rest.count))))
  case UInt8(ascii: "p"):
    let header = Array("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".utf8)
    judge(signed(header.span, rest))
  case UInt8(ascii: "e"):
    let end = rest.firstIndex(of: 10) ?? rest.count
    let content = String(lossy: rest.slice(from: min(end + 1, rest.count)))
    let sealed = TokenSealer(decryptionKey).seal(
      content, header: String(lossy: rest.slice(from: 0, to: end)))
    judge(Array(sealed.utf8))
  case UInt8(ascii: "k"): readKeys(rest)
  default: judge(rest.copied)
  }
}

/// A key file that is taken makes a realm, or is told why not.
private func readKeys(_ text: Span<UInt8>) {
  for purpose in [KeyFile.Purpose.verifying, .signing] {
    guard let file = try? KeyFile(text, for: purpose) else { continue }
    check(!file.keys.isEmpty, "a key file without keys")
    for key in file.keys {
      let algorithms = key.algorithms(allowed: TokenAlgorithm.allCases)
      check(!algorithms.isEmpty, "a key without an algorithm")
      check(algorithms.allSatisfy { $0.isSymmetric == key.isSecret }, "a public key as secret")
    }
    var definition = RealmDefinition(name: "keys", index: 9)
    definition.access.keySources = [.file(file)]
    definition.access.algorithms = TokenAlgorithm.allCases
    // Of more keys without a name some might never be tried, which a realm refuses.
    guard file.keys.count <= 8 else { continue }
    check((try? Realm(definition)) != nil, "a taken file makes no realm")
  }
  _ = try? DecryptionKey(text)
}

/// A token with a right signature over any two parts.
private func signed(_ header: Span<UInt8>, _ payload: Span<UInt8>) -> [UInt8] {
  var token = ByteBuffer(capacity: (header.count + payload.count) * 2 + 256)
  Base64URL.encode(header, into: &token)
  token.append(UInt8(ascii: "."))
  Base64URL.encode(payload, into: &token)
  var tag = ByteBuffer(capacity: 64)
  HMACKey(.sha256, secret: SecretBytes(text: secret)).append(tagOf: token.readable, to: &tag)
  token.append(UInt8(ascii: "."))
  Base64URL.encode(tag.readable, into: &token)
  check(!token.overflowed, "the forge's buffer is too small")
  return token.readable.copied
}

/// A verifier that has seen tokens must judge as a new one does, in every realm and class.
private func judge(_ token: [UInt8]) {
  let warm = TokenVerifier(tokenBytesMaximum: 2_048)
  for realm in realms {
    for classes in [AcceptedClasses.access, .refresh, .any] {
      let verdict = warm.verify(token.span, realm: realm, accepting: classes, nowSeconds: now)
      let fresh = TokenVerifier(tokenBytesMaximum: 2_048)
      check(
        verdict == fresh.verify(token.span, realm: realm, accepting: classes, nowSeconds: now),
        "a used verifier judges otherwise")
      guard case .accepted(let facts) = verdict else { continue }
      check(facts.expiration > now - realm.leewaySeconds - 1, "an expired token passed")
      read(warm, facts)
    }
  }
}

private func read(_ verifier: TokenVerifier, _ facts: TokenFacts) {
  check(verifier.hashTokenIdentifier(hashKey) != Hash128(high: 0, low: 0), "no hash of an id")
  check((verifier.hashSubject(hashKey) != nil) == facts.hasSubject, "a subject lost")
  _ = verifier.tokenIdentifierText()
  check((verifier.subjectText() != nil) == facts.hasSubject, "a subject's text lost")
  for claim in claims {
    var value = ByteBuffer(capacity: 512)
    _ = verifier.appendClaim(claim, to: &value)
    let bytes = value.readable
    for index in bytes.indices {
      check(bytes[index] >= 0x20 && bytes[index] != 0x7F, "a claim that ends a header line")
    }
  }
}
