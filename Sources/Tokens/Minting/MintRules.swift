// How a compiled realm mints: its signers, and everything of the claims that is known beforehand as
// the JSON text that it will be.
//
// Immutable, shared by all workers.

import Bytes
import JSON

/// A realm's rules of minting.
final class MintRules: Sendable {
  /// One mapped claim.
  struct Row: Sendable {
    /// Its name, for comparing with the original's.
    let name: [UInt8]
    /// `,"NAME":` as it is written.
    let opening: [UInt8]
    /// Nil for the name of the original's realm.
    let path: ClaimPath?
    /// True for `sub`, which some backends take as a string only.
    let isSubject: Bool
  }

  /// Life of a minted token in seconds.
  let lifetimeSeconds: Int64
  /// How much of it is to come when a token is made: who reckons a life from `iat` must not find more
  /// than the longest one either.
  var validSeconds: Int64 {
    Swift.min(
      lifetimeSeconds,
      MintDefinition.lifetimeSecondsMaximum - MintedTimes.clockDifferenceSeconds)
  }
  /// True when the original's claims are copied.
  let copiesClaims: Bool
  /// True for Flask-JWT-Extended: since 2.10 PyJWT refuses a `sub` or `jti` that is a number, and the
  /// library reads `fresh`.
  let isFlask: Bool
  let claims: [Row]
  /// True when `sub` is one of them.
  let mapsSubject: Bool
  /// The realm's name as a JSON string.
  let realmName: [UInt8]

  /// `,"iss":…,"aud":…,"type":…` for each kind of token.
  private let accessWords: [UInt8]
  private let refreshWords: [UInt8]
  private let accessAssertionWords: [UInt8]
  private let refreshAssertionWords: [UInt8]
  private let accessSigner: TokenSigner?
  private let refreshSigner: TokenSigner?

  init(_ definition: RealmDefinition, _ keys: [VerificationKey]) {
    let mint = definition.mint
    lifetimeSeconds = mint.lifetimeSeconds
    copiesClaims = mint.copiesClaims
    isFlask = definition.preset == .flaskJWTExtended
    claims = mint.claims.map { claim in
      let path: ClaimPath? =
        switch claim.source {
        case .claim(let path): path
        case .realmName: nil
        }
      return Row(
        name: Array(claim.name.utf8), opening: Array(",\(JSONText.quoted(claim.name)):".utf8),
        path: path, isSubject: claim.name == "sub")
    }
    mapsSubject = claims.contains(where: \.isSubject)
    realmName = Array(JSONText.quoted(definition.name).utf8)
    let access = Self.signingKey(.access, keys)
    let refresh = definition.refresh == nil ? nil : Self.signingKey(.refresh, keys)
    accessSigner = access?.signer
    refreshSigner = refresh?.signer
    let issued = Self.issued(definition)
    // Where the key can't tell the class, or the backend is used to reading it, `type` does.
    let saysType =
      definition.preset == .flaskJWTExtended || definition.preset == .singleSecret
      || access?.isShared ?? false || refresh?.isShared ?? false
    func words(_ type: String?) -> [UInt8] {
      issued + (type.map { Array(",\"type\":\(JSONText.quoted($0))".utf8) } ?? [])
    }
    accessWords = words(definition.access.requiredType ?? (saysType ? "access" : nil))
    refreshWords = words(definition.refresh?.requiredType ?? (saysType ? "refresh" : nil))
    accessAssertionWords = words("access")
    refreshAssertionWords = words("refresh")
  }

  /// What signs tokens of this use and class; nil without such a key.
  func signer(_ use: MintedUse, _ tokenClass: TokenClass) -> TokenSigner? {
    use == .assertion || tokenClass == .access ? accessSigner : refreshSigner
  }

  /// The claims that depend on nothing but the realm.
  func words(_ use: MintedUse, _ tokenClass: TokenClass) -> [UInt8] {
    switch (use, tokenClass) {
    case (.replacement, .access): accessWords
    case (.replacement, .refresh): refreshWords
    case (.assertion, .access): accessAssertionWords
    case (.assertion, .refresh): refreshAssertionWords
    }
  }

  /// The first key of a class that signs: keys of the configuration come before those of files, and a
  /// key that has an end (`previous`) never signs.
  private static func signingKey(
    _ tokenClass: TokenClass, _ keys: [VerificationKey]
  ) -> (signer: TokenSigner, isShared: Bool)? {
    for key in keys where key.end(of: tokenClass) == .max {
      let source = TokenKey(key.source, identifier: key.identifiers.first)
      if let signer = TokenSigner(source, key.algorithm) { return (signer, key.isShared) }
    }
    return nil
  }

  /// `,"iss":…` and `,"aud":…` where the realm asks for them. A backend asks for one of several
  /// audiences, nobody knows which: the token names all of them.
  private static func issued(_ definition: RealmDefinition) -> [UInt8] {
    var text = definition.issuer.map { ",\"iss\":" + JSONText.quoted($0) } ?? ""
    let audiences = definition.audiences.map(JSONText.quoted)
    switch audiences.count {
    case 0: break
    case 1: text += ",\"aud\":\(audiences[0])"
    default: text += ",\"aud\":[\(audiences.joined(separator: ","))]"
    }
    return Array(text.utf8)
  }
}
