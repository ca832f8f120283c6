import Contract

extension LinkServer.EdgeReport {
    /// Endpoints that something may speak against; what an edge says beyond it is passed over.
    static let opinionLimit = 1 << 17

    mutating func take(_ news: [EndpointOpinion]) {
        for opinion in news {
            if opinion.bars.isEmpty {
                opinions[opinion.address] = nil
            } else if opinions.count < Self.opinionLimit || opinions[opinion.address] != nil {
                opinions[opinion.address] = opinion
            }
        }
    }
}
