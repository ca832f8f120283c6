import Contract

extension LinkServer.EdgeReport {
    /// Whether every worker serves the revision, or a later one.
    public func serves(_ revision: UInt64, of epoch: String) -> Bool {
        self.epoch == epoch && self.revision >= revision
    }

    /// Whether what it counted is known as it was after every worker had begun to serve the revision.
    public func hasCounted(_ revision: UInt64, of epoch: String) -> Bool {
        self.epoch == epoch && (counted ?? 0) >= revision
    }

    /// The plain counters begin a round of everything that was counted; so the round before is whole.
    mutating func take(_ news: EdgeTelemetry) {
        telemetry = news
        counted = underWay
        underWay = revision
    }

    mutating func acknowledge(_ epoch: String, _ revision: UInt64) {
        if self.epoch != epoch { (underWay, counted) = (nil, nil) }
        (self.epoch, self.revision) = (epoch, revision)
    }
}
