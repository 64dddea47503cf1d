// What of a token goes to the backend: the token itself, nothing, or one that a realm of the backend
// signs; and the signed identity beside the plain headers.
//
// The judged token is held back where it is found (`CredentialFinder`); what is minted is written
// behind the identity headers, so that a head that is written again, for another server or as an
// upgrade, says the same. Loop only; warm, nothing is allocated.

import Bytes
import HTTPWire
import Tokens

/// A realm that mints for routes, and where its tokens are written. Numbers only: copying an array out
/// of a row would count references that all workers share.
struct MintTarget: Sendable {
  /// Index of the realm.
  let realm: Int
  /// `Name: Scheme ` in `PolicySet.identityBytes`, for access and for refresh tokens.
  let accessOpening: ByteRange
  let refreshOpening: ByteRange
  /// Its part of `PolicySet.mintFields`.
  let fields: Range<Int>
}

/// A field in which a minting realm's backends look for tokens. Clients' own are never forwarded.
struct MintField: Sendable {
  let id: FieldName
  let name: [UInt8]
}

extension MintTarget {
  /// The target that a realm is; `keep` stores a text. A realm without header places has the usual
  /// one. Its fields are added to `all`.
  init(_ realm: Realm, fields all: inout [MintField], _ keep: (String) -> ByteRange) {
    func place(_ tokenClass: TokenClass) -> TokenPlace {
      realm.places(tokenClass).first { $0.kind == .header } ?? .authorizationBearer
    }
    func opening(_ place: TokenPlace) -> ByteRange {
      let (name, scheme) = place.spelling
      return keep(scheme.isEmpty ? "\(name): " : "\(name): \(scheme) ")
    }
    self.realm = realm.index
    accessOpening = opening(place(.access))
    refreshOpening = opening(place(.refresh))
    let first = all.count
    let places = realm.places(.access) + realm.places(.refresh)
    for place in places + [place(.access), place(.refresh)] where place.kind == .header {
      if all[first...].contains(where: { $0.name == place.nameBytes }) { continue }
      all.append(MintField(id: FieldName(place.nameBytes.span), name: place.nameBytes))
    }
    fields = first..<all.count
  }
}

extension Gatekeeper {
  /// Writes what is minted from the last verified token behind the identity headers; the refusal when
  /// that is not possible.
  func mint(
    _ request: RequestPolicy, _ facts: TokenFacts, _ route: CompiledRoute, _ now: PolicyTime,
    _ set: PolicySet
  ) -> Refusal? {
    if set.identity.isEmpty { request.beginIdentity(set) }
    let original = verifier.acceptedHash
    if route.mintTarget >= 0 {
      let target = set.mintTargets[Int(route.mintTarget)]
      let opening = facts.tokenClass == .access ? target.accessOpening : target.refreshOpening
      if let refusal = append(
        .replacement, request, original, facts, target.realm, opening, now, set)
      {
        return refusal
      }
    }
    guard let assertion = set.assertion else { return nil }
    return append(
      .assertion, request, original, facts, assertion.realm, assertion.accessOpening, now, set)
  }

  private func append(
    _ use: MintedUse, _ request: RequestPolicy, _ original: Hash128, _ facts: TokenFacts,
    _ target: Int, _ opening: ByteRange, _ now: PolicyTime, _ set: PolicySet
  ) -> Refusal? {
    let source = Int(facts.realmIndex)
    Self.append(set.identityBytes, opening, to: &request.identity)
    var outcome = MintOutcome.appended
    if !verifier.appendMinted(
      use, original, source: realms[source].serial, target: realms[target].serial,
      nowSeconds: now.epochSeconds, to: &request.identity)
    {
      outcome = verifier.mint(
        use, original, facts, source: realms[source], target: realms[target],
        nowSeconds: now.epochSeconds, to: &request.identity)
    }
    request.identity.append("\r\n")
    switch outcome {
    case .appended: return request.identity.overflowed ? .denied(.tooLarge) : nil
    // Like claims that don't fit into identity headers: another token may do, this one never will.
    case .tooLarge: return .denied(.tooLarge)
    case .unavailable: return .unavailable
    }
  }

  /// Keeps the tokens of a request that passes without being judged from the backend: of a preflight.
  /// False when there are more than can be held back: each is looked for in all of them.
  func withholdUnjudged(
    _ request: RequestPolicy, _ head: RequestHead, _ bytes: Span<UInt8>, _ set: PolicySet
  ) -> Bool {
    let route = set.routes[request.route]
    guard route.places >= 0 else { return true }
    request.credentials.search(head, bytes, set.places[Int(route.places)])
    guard request.credentials.dropped.count <= CredentialFinder.droppedMaximum else { return false }
    if route.mintTarget >= 0 { withholdTargetFields(request, route, head, bytes, set) }
    return true
  }

  /// Keeps a client's own fields out of the places where the backend looks for minted tokens. Also
  /// where nothing is minted, because nobody presented a token.
  func withholdTargetFields(
    _ request: RequestPolicy, _ route: CompiledRoute, _ head: RequestHead, _ bytes: Span<UInt8>,
    _ set: PolicySet
  ) {
    let target = set.mintTargets[Int(route.mintTarget)]
    for index in target.fields where head.has(set.mintFields[index].id) {
      request.credentials.withhold(
        set.mintFields[index].id, set.mintFields[index].name, head, bytes)
    }
  }
}
