// The key sets behind URLs: when they are fetched, what an answer comes to, and who waits for it.
//
// `KeySetSchedule` has the rules of time and `FetchJob` the protocol; here they meet the realms. A set
// that can't be fetched stays in use for a bounded time (stale-if-error) and is then let go of, so that
// its tokens become 503 and not accepted by keys that the issuer may have withdrawn long ago.
//
// Control loop only.

import Dispatch
import EventLoop
import Fetch
import Proxy
import Tokens

extension LiveKeys {
  private var nowMilliseconds: Int64 { now / 1_000_000 }

  // MARK: Time

  /// When something is due for a set, in nanoseconds.
  func deadline(of remote: RemoteKeySet) -> Int64 {
    var next = remote.job?.deadlineNanoseconds ?? .max
    if let due = remote.schedule.nextFetch { next = min(next, due * 1_000_000) }
    if remote.set != nil, let end = remote.schedule.usableUntil {
      next = min(next, end * 1_000_000)
    }
    return next
  }

  func passDeadline(of index: Int) {
    let remote = remotes[index]
    if let job = remote.job, job.deadlineNanoseconds <= now { progressed(index, job) }
    if remote.set != nil, !remote.schedule.isUsable(now: nowMilliseconds) { letGo(of: remote) }
    if let due = remote.schedule.nextFetch, due <= nowMilliseconds { begin(index) }
  }

  /// The set is too old to be trusted.
  private func letGo(of remote: RemoteKeySet) {
    remote.use(nil, digest: [])
    // A realm may always lack a fetched set: there is no rule to break.
    try? change.apply(.keys(.remote(nil)), at: remote.uses)
    retryRefused()
    say("warning: jwks \(remote.url.shown): too long without a fetch; its keys are out of use")
  }

  // MARK: Fetching

  /// Starts a fetch, unless one is under way.
  private func begin(_ index: Int) {
    let remote = remotes[index]
    guard remote.schedule.fetchStarted() else { return }
    let token = remote.beginAttempt(index: index)
    var request = FetchRequest(
      remote.url.url, at: SocketAddress(ipv4: 0, port: 0), tls: remote.url.tls,
      responseBytesMaximum: KeySetAnswer.bytesMaximum)
    request.bodyTellsItsEnd = true
    request.headers = [
      FetchHeader("Accept", "application/jwk-set+json, application/json"),
      FetchHeader("User-Agent", "gateway"),
    ]
    remote.job = FetchJob(
      request, poller: poller, token: token,
      deadlineNanoseconds: now + Int64(remote.url.timeoutMilliseconds) * 1_000_000)
    let mailbox = mailbox
    FetchJob.lookUp(remote.url.url.endpoint) { found in
      mailbox.send(.addressesFound(set: index, token: token, found))
    }
  }

  func addressesFound(_ index: Int, _ token: UInt64, _ found: FetchAddresses) {
    let remote = remotes[index]
    guard remote.isCurrent(token), let job = remote.job else { return }
    ended(index, job.addressesFound(found, now: now))
  }

  /// Something happened to the connection of a fetch.
  func handle(_ event: PollEvent) {
    let index = Int(event.token & 0xFFFF_FFFF)
    guard remotes.indices.contains(index), remotes[index].isCurrent(event.token),
      let job = remotes[index].job
    else { return }
    progressed(index, job)
  }

  private func progressed(_ index: Int, _ job: FetchJob) { ended(index, job.advance(now: now)) }

  /// Takes the outcome of a fetch, if it has one.
  private func ended(_ index: Int, _ progress: FetchProgress) {
    let remote = remotes[index]
    switch progress {
    case .waiting: return
    case .failed(let error): failed(remote, error.refusal)
    case .completed(let response):
      do throws(KeySetRefusal) {
        try take(response, for: index)
      } catch {
        failed(remote, error)
      }
    }
    remote.job = nil
    answerWaiting(index)
  }

  private func take(_ response: FetchResponse, for index: Int) throws(KeySetRefusal) {
    let remote = remotes[index]
    let set = try KeySetAnswer.read(response)
    let digest = KeyDigest.of(response.body)
    // Most fetches bring what is there already: then nobody needs to hear of it.
    if remote.set == nil || digest != remote.digest {
      try change.apply(.keys(.remote(set)), at: remote.uses)
      remote.use(set, digest: digest)
      retryRefused()
    }
    remote.schedule.fetchSucceeded(
      maxAge: CacheLife.milliseconds(response.headers), now: nowMilliseconds)
    remote.fetchedSeconds = nowSeconds
    remote.successCount += 1
    if remote.health.worked() { say("jwks \(remote.url.shown): fetched again") }
    writeCopy(index, response.body)
  }

  private func failed(_ remote: RemoteKeySet, _ refusal: KeySetRefusal) {
    remote.schedule.fetchFailed(now: nowMilliseconds)
    remote.failureCount += 1
    guard remote.health.failed(refusal.reason, nowSeconds: nowSeconds) else { return }
    let rest =
      remote.set == nil
      ? "tokens that may be signed with its keys are answered 503"
      : "the keys fetched before stay in use"
    say("warning: jwks \(remote.url.shown): \(refusal.reason); \(rest)")
  }

  // MARK: The copy

  private func writeCopy(_ index: Int, _ body: [UInt8]) {
    let url = remotes[index].url
    guard let path = url.copyPath,
      let text = KeySetCopy.text(body, of: url, fetchedSeconds: nowSeconds)
    else { return }
    let mailbox = mailbox
    queue.async {
      do throws(SystemError) {
        try KeySetCopy.write(text, to: path)
        mailbox.send(.copyWritten(set: index, failure: nil))
      } catch {
        mailbox.send(.copyWritten(set: index, failure: error.reason))
      }
    }
  }

  func copyWritten(_ index: Int, _ failure: String?) {
    let remote = remotes[index]
    if let failure, remote.isCopyWritten, let path = remote.url.copyPath {
      say(
        "warning: \(path): the copy of \(remote.url.shown) can't be written: \(failure); a start"
          + " without the issuer will have no keys of it (copy FILE; names another place, copy off; none)"
      )
    }
    remote.isCopyWritten = failure == nil
  }

  // MARK: Exchanges

  /// A worker has a token that may be good by a key that it doesn't know. Every ticket gets exactly one
  /// verdict, at the latest when the fetch that it waits for has ended.
  func keyNeeded(realms: [Int], keyName: UInt64, ticket: ExchangeTicket) {
    let concerned = remotes.indices.filter { remotes[$0].isUsed(by: realms) }
    // The worker's realms are older than ours.
    if concerned.contains(where: { remotes[$0].names(keyName) }) {
      return verdicts.append(KeySetVerdict(ticket: ticket, isAvailable: true))
    }
    guard !waiting.isFull else {
      return verdicts.append(KeySetVerdict(ticket: ticket, isAvailable: false))
    }
    var exchange = WaitingExchange(
      ticket: ticket, keyName: keyName, sets: [], isAvailable: true)
    for index in concerned {
      switch knowledge(of: keyName, in: index) {
      case nil: exchange.sets.insert(index)
      case .known, .unknown: break
      case .unavailable: exchange.isAvailable = false
      }
    }
    if exchange.sets.isEmpty {
      verdicts.append(KeySetVerdict(ticket: ticket, isAvailable: exchange.isAvailable))
    } else {
      waiting.add(exchange)
    }
  }

  /// What a set says about a key id; nil when a fetch, started here if need be, will say it.
  private func knowledge(of keyName: UInt64, in index: Int) -> KeyKnowledge? {
    let remote = remotes[index]
    if remote.names(keyName) { return .known }
    switch remote.schedule.unknownKeySeen(keyName, now: nowMilliseconds) {
    case .unknown: return .unknown
    case .unavailable: return .unavailable
    case .wait: return nil
    case .fetch:
      begin(index)
      return nil
    }
  }

  private func answerWaiting(_ index: Int) {
    verdicts += waiting.fetchEnded(index) { knowledge(of: $0.keyName, in: index) }
  }
}

extension [RealmDefinition] {
  /// The fetched set in a place; nil while it is pending.
  func remoteSet(of use: LiveKeySource) -> KeyFile? {
    if case .remote(let set) = source(of: use) { set } else { nil }
  }

  /// Keys in a place.
  func keyCount(of use: LiveKeySource) -> Int {
    switch source(of: use) {
    case .file(let file): file.keys.count
    case .remote(let set): set?.keys.count ?? 0
    case nil: 1
    }
  }

  private func source(of use: LiveKeySource) -> KeySource? {
    guard indices.contains(use.realm), case .tokenClass(let tokenClass, let index) = use.place
    else { return nil }
    let sources =
      tokenClass == .access
      ? self[use.realm].access.keySources : self[use.realm].refresh?.keySources ?? []
    return sources.indices.contains(index) ? sources[index] : nil
  }
}
