// The keeper of keys that change while the gateway runs: owns the realms' definitions, their sources,
// and the realms as they stand.
//
// A source that brings something new makes a new realm from the definition with that source replaced.
// A set that breaks a rule of its realm is refused, the old one stays, and it is said. Nothing here
// blocks: names are looked up, files read and copies written on Dispatch, which answers through a
// mailbox; fetches are sockets of the control loop's poller. `LiveKeys+Fetching` has the URLs.
//
// Control loop only.

import Dispatch
import EventLoop
import Fetch
import Policy
import Proxy
import Tokens

/// What Dispatch tells the keeper.
enum KeySetMessage: Sendable {
  /// The resolver has answered an attempt to fetch.
  case addressesFound(set: Int, token: UInt64, FetchAddresses)
  /// The key files were looked at.
  case filesLooked([KeyFileNews])
  /// A copy was written, or not, for a reason in words.
  case copyWritten(set: Int, failure: String?)
}

/// The keys of all realms, kept up to date.
final class LiveKeys {
  /// How often key files are looked at.
  static let lookNanoseconds: Int64 = 1_000_000_000

  /// The realms and what they are made from.
  var change: KeyChange
  var remotes: [RemoteKeySet] = []
  var waiting = WaitingExchanges()
  var verdicts: [KeySetVerdict] = []
  let poller: Poller
  let mailbox: Mailbox<KeySetMessage>
  /// Copies are written here, one after the other.
  let queue = DispatchQueue(label: "gateway.key-sets", qos: .utility)

  private var files: [WatchedFile] = []
  private let watch: KeyFileWatch
  private var isLooking = false
  private var lookAt: Int64
  /// Looks so far, for tests.
  private(set) var lookCount = 0
  private let tell: (String) -> Void
  private var messages: [KeySetMessage] = []
  /// Times of this wake-up.
  private(set) var now: Int64
  private(set) var nowSeconds: Int64

  /// One file and how it is.
  private struct WatchedFile {
    let path: String
    let uses: [LiveKeySource]
    var health = SourceHealth()
    /// What was read last, if it was refused.
    var refused: KeyFileNews?
  }

  /// Makes the keeper; `tell` is given lines for the operator, without their end.
  init(
    _ restored: RestoredKeys, policy: PolicySet, poller: Poller, now: Int64,
    nowSeconds: Int64, tell: @escaping (String) -> Void
  ) throws(SystemError) {
    self.now = now
    self.nowSeconds = nowSeconds
    self.poller = poller
    self.tell = tell
    lookAt = now
    change = KeyChange(definitions: restored.sources.definitions, policy: policy)
    mailbox = try Mailbox()
    let files = restored.sources.files
    watch = KeyFileWatch(files.map { ($0.path, $0.digest) })
    self.files = files.map { WatchedFile(path: $0.path, uses: $0.uses) }
    for (url, uses) in restored.sources.urls {
      let remote = RemoteKeySet(url, uses: uses, nowMilliseconds: now / 1_000_000)
      if let fetched = restored.fetchedSeconds[url.url.description], let use = uses.first {
        remote.schedule.copyRestored(
          age: max(0, nowSeconds - fetched) * 1000, now: now / 1_000_000)
        remote.fetchedSeconds = fetched
        remote.use(change.definitions.remoteSet(of: use), digest: [])
      }
      remotes.append(remote)
    }
    try poller.add(mailbox, token: ControlToken.keySets)
  }

  /// The realms as they stand; a newer version whenever a key changes.
  var realms: RealmSet { change.realms }

  // MARK: The control loop's turn

  /// A new wake-up.
  func wake(now: Int64, nowSeconds: Int64) {
    self.now = now
    self.nowSeconds = nowSeconds
  }

  /// Takes what Dispatch has told.
  func handleMessages() {
    messages.removeAll(keepingCapacity: true)
    mailbox.drain(into: &messages)
    for message in messages {
      switch message {
      case .addressesFound(let set, let token, let found): addressesFound(set, token, found)
      case .filesLooked(let news):
        isLooking = false
        lookCount += 1
        lookAt = now + Self.lookNanoseconds
        for file in news { fileChanged(file) }
      case .copyWritten(let set, let failure): copyWritten(set, failure)
      }
    }
  }

  /// Begins what is due.
  func passDeadlines() {
    if !files.isEmpty, !isLooking, lookAt <= now {
      isLooking = true
      let mailbox = mailbox
      watch.look { mailbox.send(.filesLooked($0)) }
    }
    for index in remotes.indices { passDeadline(of: index) }
  }

  /// The next time at which there is something to do without an event, in nanoseconds.
  var nextDeadline: Int64 {
    var next = files.isEmpty || isLooking ? Int64.max : lookAt
    for remote in remotes { next = min(next, deadline(of: remote)) }
    return next
  }

  /// What waiting exchanges are to be told now.
  func takeVerdicts() -> [KeySetVerdict] {
    defer { verdicts.removeAll(keepingCapacity: true) }
    return verdicts
  }

  // MARK: Changes

  /// A line for the operator.
  func say(_ text: String) { tell(text) }

  private func fileChanged(_ news: KeyFileNews) {
    let path = files[news.index].path
    do throws(KeySetRefusal) {
      let count = try take(news.content, files[news.index].uses)
      files[news.index].refused = nil
      let isBack = files[news.index].health.worked()
      say("\(path): \(isBack ? "works again; " : "")new keys are in use (\(count))")
      retryRefused()
    } catch {
      if case .bytes = news.content {
        files[news.index].refused = news
      } else {
        files[news.index].refused = nil
      }
      if files[news.index].health.failed(error.reason, nowSeconds: nowSeconds) {
        say("warning: \(path): the keys read before stay in use: \(error.reason)")
      }
    }
  }

  /// Keys have changed: what was refused because of them, two realms' files that are exchanged for one,
  /// may be taken now. Each file that is taken is one less, so this ends.
  func retryRefused() {
    for index in files.indices {
      if let news = files[index].refused { fileChanged(news) }
    }
  }

  /// Puts a file's content into its places; gives how many keys that are.
  private func take(
    _ content: KeyFileNews.Content, _ uses: [LiveKeySource]
  ) throws(KeySetRefusal) -> Int {
    let bytes: [UInt8]
    switch content {
    case .failed(let reason): throw KeySetRefusal(reason)
    case .bytes(let read): bytes = read
    }
    var readings: [(use: LiveKeySource, reading: KeyReading)] = []
    var count = 0
    var holdsSeveral = false
    do throws(KeyFileFault) {
      for use in uses {
        switch use.place {
        case .decryption:
          readings.append((use, .decryption(try DecryptionKey(bytes.span))))
          count = max(count, 1)
        case .tokenClass:
          let signs = change.definitions[use.realm].signsItself
          let file = try KeyFile(bytes.span, for: signs ? .minting : .verifying)
          holdsSeveral = holdsSeveral || (use.directive == "key" && file.keys.count > 1)
          readings.append((use, .keys(.file(file))))
          count = max(count, file.keys.count)
        }
      }
    } catch {
      throw KeySetRefusal("it " + error.message)
    }
    if holdsSeveral { throw KeySetRefusal("it holds several keys") }
    try change.apply(readings)
    return count
  }

  // MARK: Reports

  /// How each source is, in the order of the configuration.
  var reports: [KeySetReport] {
    let urls = remotes.flatMap { remote in remote.uses.map { report(remote, $0) } }
    return urls + files.flatMap { file in file.uses.map { report(file, $0) } }
  }

  private func report(_ file: WatchedFile, _ use: LiveKeySource) -> KeySetReport {
    KeySetReport(
      realm: change.definitions[use.realm].name, tokenClass: use.place.name, kind: .file,
      place: file.path, keyCount: change.definitions.keyCount(of: use), ageSeconds: nil,
      nextFetchSeconds: nil, failingSince: file.health.failingSince, failure: file.health.reason,
      fetchCount: 0, fetchFailureCount: 0, skippedKeys: [])
  }

  private func report(_ remote: RemoteKeySet, _ use: LiveKeySource) -> KeySetReport {
    KeySetReport(
      realm: change.definitions[use.realm].name, tokenClass: use.place.name, kind: .url,
      place: remote.url.shown, keyCount: change.definitions.keyCount(of: use),
      ageSeconds: remote.set == nil ? nil : remote.fetchedSeconds.map { max(0, nowSeconds - $0) },
      nextFetchSeconds: remote.schedule.nextFetch.map { max(0, $0 - now / 1_000_000) / 1000 },
      failingSince: remote.health.failingSince, failure: remote.health.reason,
      fetchCount: remote.successCount, fetchFailureCount: remote.failureCount,
      skippedKeys: remote.set?.notes ?? [])
  }
}
