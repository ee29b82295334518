// SPDX-License-Identifier: Apache-2.0

import Coordinator
package import Runs

extension ServiceStore.Identity {
    /// A name that no other service and no run has.
    package static func random() -> ServiceStore.Identity {
        ServiceStore.Identity(
            instance: Coordinator.makeInstance(), leaseKey: LeaseMint.makeKey())
    }
}
