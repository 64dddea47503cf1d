// Who made a token's signature: every key of every realm, whether it counts or not, and where none
// did, every reading of every secret, and the secrets that everybody knows.
//
// Answers only for an operator: a signature found here by another reading, by another realm's key or
// by a key whose end has passed stays refused.

import Bytes
import Crypto
import JSON

/// A secret to try besides those of the realms.
public struct CandidateSecret: Sendable {
  /// What follows "the signature was made with": `the text of the key file …, used as a secret`.
  public let label: String
  /// What it would mean.
  public let advice: String
  let bytes: [UInt8]

  /// Takes a secret's bytes.
  public init(_ bytes: [UInt8], label: String, advice: String) {
    self.bytes = bytes
    self.label = label
    self.advice = advice
  }
}

/// A realm's key that made a signature.
struct TokenSignerFound {
  let realm: Realm
  let key: VerificationKey
}

/// One token's signature, looked into.
struct SignatureDiagnosis {
  let form: TokenForm
  let signingInput: [UInt8]
  /// The realms that were meant, and after them those that were not.
  let realms: [Realm]
  let meantCount: Int
  let candidates: [CandidateSecret]
  let nowSeconds: Int64

  private(set) var findings: [TokenFinding] = []
  /// The realm's key that made the signature under the token's algorithm.
  private(set) var signer: TokenSignerFound?
  /// True when what made it is known, whatever it was.
  private(set) var isExplained = false

  init(
    _ token: [UInt8], _ form: TokenForm, _ parts: CompactToken, meant: [Realm], others: [Realm],
    candidates: [CandidateSecret], nowSeconds: Int64
  ) {
    self.form = form
    signingInput = Array(token[..<parts.payloadEnd])
    realms = meant + others
    meantCount = meant.count
    self.candidates = candidates
    self.nowSeconds = nowSeconds
    guard let algorithm = form.algorithm, let signature = form.signature, !signature.isEmpty else {
      return
    }
    findKey(algorithm, signature)
    if signer == nil, case .mac(let hash) = algorithm.method {
      trySecrets(hash, algorithm, signature)
    }
    if !isExplained { explainUnknown(algorithm) }
  }

  private func isMeant(_ realm: Realm) -> Bool {
    realms.prefix(meantCount).contains { $0 === realm }
  }

  private mutating func note(_ reason: DenialReason?, _ text: String, _ advice: String? = nil) {
    findings.append(TokenFinding(reason, text, advice: advice))
  }

  // MARK: Keys as they are

  /// The first key that made it; one that counts before one that doesn't.
  private mutating func findKey(_ algorithm: TokenAlgorithm, _ signature: [UInt8]) {
    var found: TokenSignerFound?
    for realm in realms {
      for key in realm.keys
      where made(signature, algorithm, key.source) {
        let counts = isMeant(realm) && key.algorithm == algorithm && nowSeconds < key.end
        if counts || found == nil { found = TokenSignerFound(realm: realm, key: key) }
        if counts { break }
      }
      if let found, isMeant(found.realm), found.key.algorithm == algorithm { break }
    }
    guard let found else { return }
    signer = found
    isExplained = true
    explain(found, algorithm)
  }

  private func made(
    _ signature: [UInt8], _ algorithm: TokenAlgorithm, _ source: TokenKey.Material
  ) -> Bool {
    switch (source, algorithm.method) {
    case (.secret(let secret), .mac(let hash)):
      return HMACKey(hash, secret: secret).verify(signature.span, of: signingInput.span)
    case (.publicKey(let key), .signature(let scheme)):
      return scheme.fits(key.kind)
        && key.verifies(signature.span, of: signingInput.span, with: scheme)
    case (.privateKey(let key), .signature(let scheme)):
      return scheme.fits(key.publicKey.kind)
        && key.publicKey.verifies(signature.span, of: signingInput.span, with: scheme)
    case (.secret, .signature), (.publicKey, .mac), (.privateKey, .mac): return false
    }
  }

  private mutating func explain(_ found: TokenSignerFound, _ algorithm: TokenAlgorithm) {
    let (realm, key) = (found.realm, found.key)
    let name = key.label(in: realm)
    if !isMeant(realm) {
      let classes = key.classNames(orRealm: realm)
      note(
        .badSignature,
        "it was signed with \(name): this is \(classes) token of realm \(realm.name)",
        "use it where realm \(realm.name) is accepted, or let the route name that realm too: "
          + "`realm \((realms.prefix(meantCount) + [realm]).map(\.name).joined(separator: " "));`")
    }
    if key.algorithm != algorithm,
      !realm.keys.contains(where: {
        $0.source.equals(key.source) && $0.algorithm == algorithm
      })
    {
      let all = realm.keys.filter { $0.source.equals(key.source) }.map { "\($0.algorithm.name)" }
      note(
        .unsupportedAlgorithm,
        "it was signed with \(name), but by \(algorithm.name), and that key is for "
          + all.joined(separator: ", "),
        "let the backend sign by \(all[0]), or say `algorithms \((all + ["\(algorithm.name)"]).joined(separator: " "));`"
      )
    }
    if nowSeconds >= key.end {
      note(
        .badSignature,
        "it was signed with \(name), whose end passed \(SpanText.of(nowSeconds - key.end)) ago",
        "whoever holds it must log in anew; or give `previous` a later end")
    }
    if let identifier = form.identifier, !key.isNamed(Array(identifier.utf8).span) {
      let names = key.identifiers.map { JSONText.quoted(String(lossy: $0.span)) }
      note(
        .unknownKey,
        "its kid is \(JSONText.quoted(identifier)), but the key that signed it is called "
          + names.joined(separator: " or "),
        "let the backend write the kid of the key that it signs with")
    }
  }

  // MARK: Secrets as others read them

  private mutating func trySecrets(
    _ hash: MACAlgorithm, _ algorithm: TokenAlgorithm, _ signature: [UInt8]
  ) {
    func made(with secret: [UInt8]) -> Bool {
      HMACKey(hash, secret: SecretBytes(secret.span)).verify(signature.span, of: signingInput.span)
    }
    var tried: [SecretBytes] = []
    for realm in realms {
      for key in realm.keys {
        guard case .secret(let secret) = key.source, !tried.contains(where: { $0.equals(secret) })
        else { continue }
        tried.append(secret)
        let bytes = secret.withBytes { [UInt8](copying: $0) }
        for reading in SecretReading.all(of: bytes) where made(with: reading.bytes) {
          isExplained = true
          note(
            .badSignature, "it was signed with \(key.label(in: realm)) \(reading.text)",
            reading.advice)
          return
        }
      }
    }
    for candidate in candidates {
      for (bytes, how) in [(candidate.bytes, "")]
        + SecretReading.all(of: candidate.bytes).map({ ($0.bytes, " " + $0.text) })
      where made(with: bytes) {
        isExplained = true
        note(.badSignature, "it was signed with \(candidate.label)\(how)", candidate.advice)
        return
      }
    }
    for text in PublishedSecrets.all {
      let bytes = Array(text.utf8)
      guard
        made(with: bytes)
          || (!text.isEmpty && SecretReading.all(of: bytes).contains { made(with: $0.bytes) })
      else { continue }
      isExplained = true
      note(
        .badSignature, "it was signed with \(PublishedSecrets.name(text))",
        "everybody can sign so: make a secret with `gateway secret new` and give it to the backend "
          + "and the gateway")
      return
    }
  }

  // MARK: Nothing fits

  private mutating func explainUnknown(_ algorithm: TokenAlgorithm) {
    let meant = realms.prefix(meantCount)
    let keys = meant.flatMap(\.keys)
    let algorithms = TokenAlgorithm.allCases.filter { one in keys.contains { $0.algorithm == one } }
    let names = algorithms.map { "\($0.name)" }.joined(separator: ", ")
    let whose = meant.count == 1 ? "realm \(meant[0].name)" : "the realms"
    guard !keys.isEmpty else {
      return note(
        .unsupportedAlgorithm, "\(whose) has no key at hand",
        "a key set that is fetched, or a file that is watched, must be read first")
    }
    guard algorithms.contains(algorithm) else {
      let advice: String
      if algorithm.isSymmetric, algorithms.allSatisfy({ !$0.isSymmetric }) {
        advice =
          "the backend signs with a shared secret, the gateway has public keys: let it sign with the "
          + "private key, or say `secret` in a realm of its own"
      } else if !algorithm.isSymmetric, algorithms.allSatisfy(\.isSymmetric) {
        advice =
          "the backend signs with a key pair, the gateway has shared secrets: say `key FILE;` or "
          + "`jwks FILE;` with its public key"
      } else {
        advice = "add the key that signs by \(algorithm.name), or let the backend sign by \(names)"
      }
      note(
        .unsupportedAlgorithm,
        "it is signed by \(algorithm.name), and the keys of \(whose) are for \(names)",
        advice)
      return
    }
    if let identifier = form.identifier, keys.contains(where: { !$0.isUnnamed }),
      !keys.contains(where: {
        $0.algorithm == algorithm && $0.isNamed(Array(identifier.utf8).span)
      })
    {
      var known: [String] = []
      for name in keys.flatMap(\.identifiers).map({ JSONText.quoted(String(lossy: $0.span)) })
      where !known.contains(name) { known.append(name) }
      note(
        .unknownKey,
        "its kid is \(JSONText.quoted(identifier)), and the keys of \(whose) are called "
          + known.joined(separator: ", "),
        "its issuer has a newer key: fetch its key set anew, or it is a token of somebody else")
      return
    }
    let count = realms.flatMap(\.keys).count
    note(
      .badSignature,
      algorithm.isSymmetric
        ? "none of \(count) keys made its signature, read as text, base64, base64url or hex, with and "
          + "without line ends, spaces and quotes, nor any known default"
        : "none of \(count) keys made its signature",
      "it was signed with another key, or changed on its way: compare `gateway token inspect` with "
        + "what the backend wrote")
  }
}

extension VerificationKey {
  /// What to call it: `realm main's access secret`, `realm main's previous refresh secret 1`.
  func label(in realm: Realm) -> String {
    let signed = TokenClass.allCases.filter { end(of: $0) > .min }
    let classes = signed.map { "\($0.name)" }
    let place = place(of: signed.first ?? .access)
    let which = realm.hasRefreshClass && classes.count == 2 ? "" : (classes.first ?? "") + " "
    let owner = "realm \(realm.name)'s "
    switch source {
    case .secret where place.hasPrefix("previous"):
      return owner + "previous \(which)secret" + place.dropFirst("previous".count)
    case .secret: return owner + which + "secret"
    case .publicKey, .privateKey:
      let names = identifiers.map { " " + JSONText.quoted(String(lossy: $0.span)) }
      return owner + which + "key \(algorithm.name)" + names.joined(separator: ",")
    }
  }

  /// `an access`, `a refresh`, `an access or refresh`.
  func classNames(orRealm realm: Realm) -> String {
    let classes = TokenClass.allCases.filter { end(of: $0) > .min }
    if classes.count == 2 { return "an access or refresh" }
    return classes.first == .refresh ? "a refresh" : "an access"
  }
}
