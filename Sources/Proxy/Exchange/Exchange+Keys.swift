// A request whose token names a key that may be on its way: it waits for the control loop, which
// fetches the set.
//
// Nothing of the request moves meanwhile: the head stays pinned, a body that was held lies in the
// client's buffer, requests sent behind it wait their turn. The client may go away, the gateway may
// stop, the time may run out; the answer finds its exchange by the ticket's serial number or not at
// all. Loop only.

import Policy

extension Exchange {
  /// Asks the control loop for the key that the policy needs.
  func askForKey(_ worker: Worker, _ client: ClientConnection) {
    requestPhase = .awaitingKey
    guard let key = policy.neededKey, worker.ask(for: key, self, client) else {
      requestPhase = .head
      return perform(worker.gatekeeper.keyCannotBeAsked(policy), worker, client)
    }
  }

  /// Goes on with the judgement. Without an answer in time it is the same as if the set could not be
  /// had.
  func keySetAnswered(_ worker: Worker, _ client: ClientConnection, isAvailable: Bool) {
    guard requestPhase == .awaitingKey else { return }
    requestPhase = .head
    let action = worker.gatekeeper.keySetAnswered(
      policy, isAvailable: isAvailable, head: head, bytes: client.input.written,
      now: worker.policyTime, set: worker.snapshot.policy)
    perform(action, worker, client)
  }
}
