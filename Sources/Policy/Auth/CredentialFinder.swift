// Finds the tokens of a request in its head: which one is judged, which ones are not forwarded, and
// whether there is exactly one story (DESIGN §5.4).
//
// Nothing is decoded into a copy: a token that needs decoding to be one (percent-escaped, quoted with
// backslashes) is refused where it would be judged and dropped where it would not. Loop only; keeps
// its small lists from one request to the next.

import Bytes
import HTTPWire
import Tokens

/// One token in a request, or why there isn't one.
struct Credential: Equatable {
  enum State: UInt8 {
    case absent, present, malformed, ambiguous
  }

  var state = State.absent
  /// The token in the bytes of the head, when present.
  var range = ByteRange.empty

  /// Index among the place table's cookies when the token was found in one and not before in a place
  /// that a page of another site can't fill; -1 otherwise.
  var cookie: Int32 = -1

  /// Adds another finding. The same token twice is one token.
  mutating func add(_ found: ByteRange, _ bytes: Span<UInt8>, cookie: Int32 = -1) {
    switch state {
    case .absent: self = Credential(state: .present, range: found, cookie: cookie)
    case .present:
      if !bytes.slice(range).equals(bytes.slice(found)) { state = .ambiguous }
    case .malformed, .ambiguous: break
    }
  }

  /// Adds something that should be a token and isn't.
  mutating func addMalformed() {
    if state != .ambiguous { state = .malformed }
  }
}

/// What a request's head holds of tokens.
final class CredentialFinder {
  /// Most cookie pairs and parameters of one request that can be held back; more is ambiguous.
  static let droppedMaximum = 32

  private(set) var primary = Credential()
  private(set) var secondary = Credential()
  /// Cookie pairs, query parameters and field lines that are not forwarded.
  private(set) var dropped: [ByteRange] = []
  private(set) var dropsLine = false
  private(set) var dropsCookie = false
  private(set) var dropsQuery = false
  private(set) var dropsSubprotocols = false
  /// The word `bearer` as the client spelled it among its subprotocols; empty without one.
  private(set) var subprotocolWord = ByteRange.empty
  /// True when the client offered other subprotocols beside it.
  private(set) var offersSubprotocols = false
  /// Values that must equal the judged token.
  private var strays: [ByteRange] = []

  init() {}

  /// Forgets the last request; the lists keep their storage.
  func reset() {
    primary = Credential()
    secondary = Credential()
    if !dropped.isEmpty { dropped.removeAll(keepingCapacity: true) }
    if !strays.isEmpty { strays.removeAll(keepingCapacity: true) }
    dropsLine = false
    dropsCookie = false
    dropsQuery = false
    dropsSubprotocols = false
    // Also where nothing is dropped: a search that gave up has seen other subprotocols already.
    offersSubprotocols = false
    subprotocolWord = .empty
  }

  /// Lets everything that was found be forwarded; what it means for the decision stays.
  func dropNothing() {
    if !dropped.isEmpty { dropped.removeAll(keepingCapacity: true) }
    dropsLine = false
    dropsCookie = false
    dropsQuery = false
    dropsSubprotocols = false
  }

  /// True when every stray value is the token `judged`.
  func straysEqual(_ judged: Span<UInt8>, _ bytes: Span<UInt8>) -> Bool {
    for stray in strays where !bytes.slice(stray).equals(judged) { return false }
    return true
  }

  /// True when two Authorization lines or a comma list are there: refused on every route, because
  /// every backend picks another one. `scansValue` false leaves the comma to
  /// a later look.
  static func isAmbiguousAuthorization(
    _ head: RequestHead, _ bytes: Span<UInt8>, scansValue: Bool
  ) -> Bool {
    guard let first = head.index(of: .authorization) else { return false }
    if head.index(of: .authorization, from: first + 1) != nil { return true }
    return scansValue
      && bytes.slice(head.field(at: first).value).firstIndex(of: UInt8(ascii: ",")) != nil
  }

  /// The same as `search` for a request without cookies and query on a route that reads nothing but
  /// `Authorization: Bearer`: nearly every one.
  func searchBearer(
    _ head: RequestHead, _ bytes: Span<UInt8>, _ set: PolicySet, _ route: CompiledRoute
  ) {
    if !findBearer(head, bytes, withholds: route.withholdsToken) {
      searchHeaders(head, bytes, set.places[Int(route.places)])
    }
  }

  /// Looks through the head. The results hold until `reset()`.
  func search(_ head: RequestHead, _ bytes: Span<UInt8>, _ places: PlaceTable) {
    if !places.readsBearerOnly || !findBearer(head, bytes, withholds: places.withholdsToken) {
      searchHeaders(head, bytes, places)
    }
    if head.has(.cookie) { searchCookies(head, bytes, places) }
    if !head.query.isEmpty { searchQuery(head, bytes, places) }
    // A token that is there twice under one role is one; two tokens are two stories.
    if dropped.count > Self.droppedMaximum || strays.count > Self.droppedMaximum {
      primary.state = .ambiguous
    }
    compareStrays(bytes)
  }

  private func compareStrays(_ bytes: Span<UInt8>) {
    if primary.state == .present, !strays.isEmpty,
      !straysEqual(bytes.slice(primary.range), bytes)
    {
      primary.state = .ambiguous
    }
  }

  // MARK: Subprotocols

  /// Looks for `bearer, TOKEN` among the subprotocols of a WebSocket handshake: the one place where a
  /// browser's script can put a token (it may set no header). After `search`; `judges` false only
  /// keeps the pair from the backend.
  ///
  /// A list over several lines is one list (RFC 9110 §5.3). The word is compared without case: a pair
  /// that some backend would take for a token must not pass because of its spelling.
  func searchSubprotocols(_ head: RequestHead, _ bytes: Span<UInt8>, judges: Bool) {
    var found = Credential()
    var awaitsToken = false
    var index = head.index(of: .secWebSocketProtocol)
    while let line = index {
      var elements = PairScanner(head.field(at: line).value, separator: UInt8(ascii: ","))
      while let element = elements.next(bytes)?.whole {
        let isWord = bytes.slice(element).equalsIgnoringCase(lowercase: "bearer")
        guard isWord || awaitsToken else {
          offersSubprotocols = true
          continue
        }
        guard dropped.count < Self.droppedMaximum else { return primary.state = .ambiguous }
        dropped.append(element)
        dropsSubprotocols = true
        if isWord {
          // Two pairs are two stories, whatever they say.
          if !subprotocolWord.isEmpty { found.state = .ambiguous }
          subprotocolWord = element
        } else {
          found.add(element, bytes)
        }
        awaitsToken = isWord
      }
      index = head.index(of: .secWebSocketProtocol, from: line + 1)
    }
    if !dropsSubprotocols { offersSubprotocols = false }
    guard judges else { return }
    if awaitsToken { found.addMalformed() }
    switch found.state {
    case .absent: return
    case .present: primary.add(found.range, bytes)
    case .malformed: primary.addMalformed()
    case .ambiguous: primary.state = .ambiguous
    }
    compareStrays(bytes)
  }

  // MARK: The gateway's own fields

  /// Keeps every field of a name from the backend, whatever it holds: the gateway writes a token of its
  /// own there, and nobody judged what a client says.
  func withhold(_ id: FieldName, _ name: [UInt8], _ head: RequestHead, _ bytes: Span<UInt8>) {
    var next = head.index(of: id)
    while let index = next {
      let field = head.field(at: index)
      if id != .other || Self.isSameField(bytes.slice(field.name), name),
        !dropped.contains(field.line)
      {
        drop(field.line, line: true)
      }
      next = head.index(of: id, from: index + 1)
    }
  }

  private static func isSameField(_ name: Span<UInt8>, _ known: [UInt8]) -> Bool {
    name.equalsIgnoringCase(known.span)
  }

  // MARK: Header fields

  /// `Authorization: Bearer TOKEN` in its usual spelling, or nothing: then true. What the value holds
  /// behind the scheme is left to the verifier, which refuses every byte that no token has.
  private func findBearer(
    _ head: RequestHead, _ bytes: Span<UInt8>, withholds: Bool
  ) -> Bool {
    guard let index = head.index(of: .authorization) else { return true }
    let value = head.field(at: index).value
    let text = bytes.slice(value)
    guard text.count > 7, text.slice(from: 0, to: 7).equalsIgnoringCase(lowercase: "bearer "),
      text[7] != UInt8(ascii: " ")
    else { return false }
    primary = Credential(state: .present, range: ByteRange(value.lower + 7, value.upper))
    if withholds { drop(head.field(at: index).line, line: true) }
    return true
  }

  private func searchHeaders(_ head: RequestHead, _ bytes: Span<UInt8>, _ places: PlaceTable) {
    for header in places.headers {
      var count = 0
      for index in 0..<head.fieldCount {
        let field = head.field(at: index)
        guard field.id == header.id,
          field.id != .other
            || bytes.slice(field.name).equalsIgnoringCase(header.place.nameBytes.span)
        else { continue }
        count += 1
        let reading = header.place.read(bytes.slice(field.value))
        note(reading, field, header.role, places, bytes)
      }
      // Backends take the first, the last or all of them.
      if count > 1 { primary.state = .ambiguous }
    }
  }

  private func note(
    _ reading: CredentialReading, _ field: Field, _ role: PlaceRole, _ places: PlaceTable,
    _ bytes: Span<UInt8>
  ) {
    let isJudged = role == .primary || role == .secondary
    if isJudged, places.withholdsToken, reading != .absent { drop(field.line, line: true) }
    switch reading {
    case .absent: break
    case .ambiguous: primary.state = .ambiguous
    case .malformed:
      switch role {
      case .primary: primary.addMalformed()
      case .secondary: break
      case .dropped, .stray: drop(field.line, line: true)
      }
    case .token(let inner):
      let token = ByteRange(field.value.lower + inner.lower, field.value.lower + inner.upper)
      switch role {
      case .primary: primary.add(token, bytes)
      case .secondary: secondary.add(token, bytes)
      case .dropped: drop(field.line, line: true)
      case .stray:
        drop(field.line, line: true)
        strays.append(token)
      }
    }
  }

  private func drop(_ range: ByteRange, line: Bool = false) {
    dropped.append(range)
    if line { dropsLine = true }
  }

  // MARK: Cookies and query

  private func searchCookies(_ head: RequestHead, _ bytes: Span<UInt8>, _ places: PlaceTable) {
    var index = head.index(of: .cookie)
    while let line = index {
      var pairs = PairScanner(head.field(at: line).value, separator: UInt8(ascii: ";"))
      while let pair = pairs.next(bytes) {
        let name = bytes.slice(pair.strippedName(bytes))
        for index in 0..<places.cookies.count
        where Self.isSame(name, places.cookies[index].name) {
          note(pair, places.cookies[index].role, places, bytes, cookie: Int32(index))
          break
        }
      }
      index = head.index(of: .cookie, from: line + 1)
    }
  }

  private static func isSame(_ name: Span<UInt8>, _ known: [UInt8]) -> Bool {
    name.equals(known.span)
  }

  private func searchQuery(_ head: RequestHead, _ bytes: Span<UInt8>, _ places: PlaceTable) {
    var pairs = PairScanner(head.query, separator: UInt8(ascii: "&"))
    while let pair = pairs.next(bytes) {
      for query in places.queries
      where PairScanner.name(bytes.slice(pair.name), means: query.name.span) {
        note(pair, query.role, places, bytes)
        break
      }
    }
  }

  private func note(
    _ pair: Pair, _ role: PlaceRole, _ places: PlaceTable, _ bytes: Span<UInt8>,
    cookie: Int32 = -1
  ) {
    let isQuery = cookie < 0
    let value = pair.value(bytes)
    guard !value.isEmpty else { return }
    let isCoded = PairScanner.isCoded(bytes.slice(value))
    switch role {
    case .primary:
      // A query token is judged and then kept out of everybody's logs.
      if isQuery || places.withholdsToken { hold(pair.whole, isQuery) }
      if isCoded { primary.addMalformed() } else { primary.add(value, bytes, cookie: cookie) }
    case .secondary:
      if isQuery || places.withholdsToken { hold(pair.whole, isQuery) }
      if !isCoded { secondary.add(value, bytes, cookie: cookie) }
    case .dropped:
      if PairScanner.looksLikeToken(bytes.slice(value)) { hold(pair.whole, isQuery) }
    case .stray:
      guard PairScanner.looksLikeToken(bytes.slice(value)) else { return }
      hold(pair.whole, isQuery)
      strays.append(value)
    }
  }

  private func hold(_ range: ByteRange, _ isQuery: Bool) {
    dropped.append(range)
    if isQuery { dropsQuery = true } else { dropsCookie = true }
  }
}
