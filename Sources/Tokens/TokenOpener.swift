// Opening encrypted tokens (RFC 7516 §5.2): header, key, content, in that order; what comes out is
// judged as a signed token, and nothing else (a JWE in a JWE is refused).
//
// Of the header only `alg`, `enc`, `kid` and `cty` count, and anything that would change the meaning
// (`zip`, `crit`) refuses. The reasons tell an operator what is wrong with a token's form; whether a
// key was wrapped wrongly or the content was changed is one and the same `bad_signature`.
//
// A private operation is paid for before it is computed (`SignatureBudget`), and what it yields is
// remembered for tokens that turn out good (`ContentKeys`).
//
// Only realms with decryption keys make one; it lives as long as its verifier, and one worker has it.

import Bytes
import Crypto
import JSON

/// Opens one token after another.
final class TokenOpener {
  private let document = JSONDocument(
    depthMaximum: TokenHeader.depthMaximum, nodeMaximum: TokenHeader.nodeMaximum)
  private var header = ByteBuffer(capacity: TokenHeader.segmentBytesMaximum)
  private var identifier = KeyIdentifier()
  /// As large as the largest RSA modulus, and four bytes for the decoder's steps.
  private var wrappedKey = ByteBuffer(capacity: 1024 + 4)
  private var contentKey = ByteBuffer(capacity: 32)
  private var vector = ByteBuffer(capacity: ContentCipher.vectorByteCount + 4)
  private var tag = ByteBuffer(capacity: ContentCipher.tagByteCount + 4)
  private var ciphertext: ByteBuffer
  private var opened: ByteBuffer
  /// Made for the first accepted token whose key was unwrapped.
  private var contentKeys: ContentKeys?
  /// The decryption key that unwrapped the last token's content key just now, -1 for none.
  private var unwrappingIndex = -1

  init(tokenBytesMaximum: Int) {
    ciphertext = ByteBuffer(capacity: tokenBytesMaximum + 4)
    opened = ByteBuffer(capacity: tokenBytesMaximum + 4)
  }

  /// Exchanges what was opened last for a buffer, and back: its reader then owns it while it reads.
  func exchangeOpened(_ buffer: inout ByteBuffer) { swap(&opened, &buffer) }

  /// What became of a token.
  enum Opening {
    case opened
    case denied(DenialReason)
    case undecided(Undecided)
  }

  /// Opens a token with a key of the realm.
  func open(
    _ token: Span<UInt8>, realm: Realm, paying account: inout SignatureAccount
  ) -> Opening {
    opened.clear()
    unwrappingIndex = -1
    guard let parts = EncryptedToken(token),
      token.slice(parts.header).count <= TokenHeader.segmentBytesMaximum
    else { return .denied(.malformed) }
    header.clear()
    identifier.clear()
    guard Base64URL.decode(token.slice(parts.header), into: &header) else {
      return .denied(.malformed)
    }
    let management: KeyManagement
    let encryption: ContentEncryption
    switch Self.judge(header, document, &identifier) {
    case .denied(let reason): return .denied(reason)
    case .methods(let one, let other): (management, encryption) = (one, other)
    }
    guard realm.decryptionKeys.contains(where: { $0.fits(management, encryption) }) else {
      return .denied(.unsupportedAlgorithm)
    }
    guard decode(token, parts) else { return .denied(.malformed) }
    // With `dir` there is no key to send; what stands there is nobody's.
    if case .direct = management, !wrappedKey.isEmpty { return .denied(.malformed) }
    return tryKeys(realm, management, encryption, token.slice(parts.header), &account)
  }

  /// The same for tools, which nobody bounds; nil when it is open, else why not.
  func open(_ token: Span<UInt8>, realm: Realm) -> DenialReason? {
    var account = SignatureAccount(nil)
    return switch open(token, realm: realm, paying: &account) {
    case .opened: nil
    case .denied(let reason): reason
    // Nobody pays here.
    case .undecided: .badSignature
    }
  }

  /// Remembers how the last token's content key was unwrapped, if it was: the token was accepted.
  func rememberKey(_ realm: Realm, expiration: Int64, nowSeconds: Int64) {
    guard unwrappingIndex >= 0 else { return }
    let keys = contentKeys ?? ContentKeys()
    contentKeys = keys
    let wrapped = keys.hash(wrappedKey.readable, byteCount: contentKey.readableCount)
    keys.remember(
      wrapped, realm.serial, keyIndex: unwrappingIndex, contentKey, expiration: expiration,
      nowSeconds: nowSeconds)
  }

  /// Empties what is remembered of other realms. Cold.
  func keepOnly(_ serials: [UInt32]) { contentKeys?.keepOnly(serials) }

  // MARK: Steps

  private func decode(_ token: Span<UInt8>, _ parts: EncryptedToken) -> Bool {
    wrappedKey.clear()
    vector.clear()
    ciphertext.clear()
    tag.clear()
    return Base64URL.decode(token.slice(parts.key), into: &wrappedKey)
      && Base64URL.decode(token.slice(parts.vector), into: &vector)
      && Base64URL.decode(token.slice(parts.ciphertext), into: &ciphertext)
      && Base64URL.decode(token.slice(parts.tag), into: &tag)
      && vector.readableCount == ContentCipher.vectorByteCount
      && tag.readableCount == ContentCipher.tagByteCount
  }

  private func tryKeys(
    _ realm: Realm, _ management: KeyManagement, _ encryption: ContentEncryption,
    _ data: Span<UInt8>, _ account: inout SignatureAccount
  ) -> Opening {
    var wasTried = false
    for index in realm.decryptionKeys.indices {
      let key = realm.decryptionKeys[index]
      guard key.fits(management, encryption), mayMean(key) else { continue }
      wasTried = true
      contentKey.clear()
      switch key.material {
      case .direct(let secret): secret.withBytes { contentKey.append($0) }
      case .rsa(let half):
        if isKnown(realm, index, encryption) { break }
        if let spent = account.pay(half.kind.unwrappingUnits) {
          return .undecided(.budgetSpent(spent))
        }
        guard
          half.unwrap(
            wrappedKey.readable, byteCount: encryption.keyByteCount, into: &contentKey)
        else { continue }
        unwrappingIndex = index
      }
      if ContentCipher.open(
        ciphertext.readable, key: contentKey.readable, vector: vector.readable, tag: tag.readable,
        authenticating: data, into: &opened)
      {
        return .opened
      }
      unwrappingIndex = -1
    }
    return .denied(wasTried ? .badSignature : .unknownKey)
  }

  /// Takes the content key from memory, if it is there.
  private func isKnown(_ realm: Realm, _ index: Int, _ encryption: ContentEncryption) -> Bool {
    guard let contentKeys else { return false }
    let wrapped = contentKeys.hash(wrappedKey.readable, byteCount: encryption.keyByteCount)
    return contentKeys.append(wrapped, realm.serial, keyIndex: index, to: &contentKey)
  }

  private func mayMean(_ key: DecryptionKey) -> Bool {
    guard identifier.isPresent, let name = key.identifier else { return true }
    return Self.holds(identifier.bytes, name)
  }

  private static func holds(_ buffer: borrowing ByteBuffer, _ bytes: [UInt8]) -> Bool {
    buffer.readable.equals(bytes.span)
  }

  // MARK: Header

  private enum Judgement {
    case methods(KeyManagement, ContentEncryption)
    case denied(DenialReason)
  }

  private static func judge(
    _ header: borrowing ByteBuffer, _ document: JSONDocument, _ identifier: inout KeyIdentifier
  ) -> Judgement {
    let text = header.readable
    guard document.parse(text) == .valid, document.kind(0) == .object, !document.containsNUL else {
      return .denied(.malformed)
    }
    // Compressed content tells its length about what is secret, and unpacks without bound (RFC 8725
    // §3.6); no extension is known here.
    for name in ["crit", "zip", "b64"] as [StaticString]
    where document.member(name, of: 0, in: text) != nil {
      return .denied(.malformed)
    }
    if let row = document.member("cty", of: 0, in: text),
      !document.string(row, in: text, equalsIgnoringCase: "jwt")
    {
      return .denied(.malformed)
    }
    guard identifier.read(document, text) else { return .denied(.malformed) }
    guard let alg = document.member("alg", of: 0, in: text), document.kind(alg) == .string,
      let enc = document.member("enc", of: 0, in: text), document.kind(enc) == .string
    else { return .denied(.malformed) }
    guard !document.isEscaped(alg), !document.isEscaped(enc),
      let management = KeyManagement(text.slice(document.range(alg))),
      let encryption = ContentEncryption(text.slice(document.range(enc)))
    else { return .denied(.unsupportedAlgorithm) }
    return .methods(management, encryption)
  }
}
