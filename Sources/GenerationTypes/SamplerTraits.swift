// SPDX-License-Identifier: Apache-2.0

/// A sampler's row: what the programs, the formats and the schedulers say of it.
public struct SamplerTraits: Sendable, Hashable {
    /// The number on the wire; numbers are never reused.
    public let wireNumber: UInt8
    /// The name A1111 writes into a picture's `parameters` text.
    public let displayName: String
    /// More names that are read; case, separators and k-diffusion's prefix don't matter.
    public let aliases: [String]
    /// The diffusers class of the same mathematics, as `scheduler_config.json` names it.
    public let className: String
    /// What η does; `nil` where the sampler has no use for it.
    public let eta: SamplerEta?
    /// Whether steps may be forecast: one call a step, no fresh noise, and measured to be sound.
    public let canForecast: Bool

    init(
        wireNumber: UInt8, displayName: String, aliases: [String] = [], className: String,
        eta: SamplerEta? = nil, canForecast: Bool = false
    ) {
        self.wireNumber = wireNumber
        self.displayName = displayName
        self.aliases = aliases
        self.className = className
        self.eta = eta
        self.canForecast = canForecast
    }
}

/// η of a sampler that reads it: how much of the noise is drawn anew, 0…1.
public struct SamplerEta: Sendable, Hashable {
    /// The value of a request that names none.
    public let standard: Float
    /// Its key in a picture's `parameters` text.
    public let displayName: String
}
