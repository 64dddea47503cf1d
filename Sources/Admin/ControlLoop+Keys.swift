// Keys that change, as far as the control loop's other parts and the workers have to hear of it.
//
// `LiveKeys` decides what the realms are; here they are handed on: to every worker (one whose mailbox
// is full is told again soon), and to the planner of revocations. Control loop only.

import Proxy

extension ControlLoop {
  /// Takes over newer realms.
  func takeRealms() {
    guard liveKeys.realms.version != realmsVersion else { return }
    realmsVersion = liveKeys.realms.version
    planner = RevocationPlanner(
      realms: liveKeys.realms.realms,
      covered: parts.snapshot.settings.blocklist.realmIndices)
    for index in workers.indices where !workers[index].hasEnded { workers[index].owesRealms = true }
  }

  /// Several changes in one wake-up are one message, with the newest realms.
  func tellOfRealms() {
    for index in workers.indices where workers[index].owesRealms {
      workers[index].owesRealms = !workers[index].mailbox.send(.realmsChanged(liveKeys.realms))
    }
  }

  /// Tells exchanges what became of the keys that they wait for.
  func answerKeyNeeds() {
    for verdict in liveKeys.takeVerdicts() {
      // A worker whose mailbox is full goes on at its own deadline.
      workers[verdict.ticket.worker].mailbox.send(
        .keySetAnswered(
          ticket: verdict.ticket, isAvailable: verdict.isAvailable, realms: liveKeys.realms))
    }
  }
}
