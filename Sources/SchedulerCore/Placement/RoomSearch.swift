// Where a task finds room that asks for more, or other, than one cpu.
//
// The scarcest kind of what it asks decides where to look (see RoomIndex); of the workers found there, the
// first that has room for all of it. Cpus are taken where most are left, which spreads the load; of anything
// else, what is left is taken first, so that large rooms stay for those who need them (best fit).
//
// Plain tasks would fill any room before a large one becomes free. So a requirement that finds no room keeps
// one worker free: a *reservation*. Nothing else is placed there until what it holds has ended and the task
// fits. There is at most one per requirement, and it goes when the requirement has nothing ready. It helps
// only where plain tasks are in the way, so where cpus or a slot are all that is missing. And a worker that
// was kept free for a requirement is kept free again only when it was given a task of another one: a stream
// of large tasks does not keep all others away.

import TaskModel

extension Placement {
    /// What a worker has left for further attempts.
    func left(_ worker: UInt32) -> Resources {
        let (room, member) = (rooms[Int(worker)], members[Int(worker)])
        let plainTasks = UInt64(member.load.held - member.special)
        return room.total - room.taken - Resources(cpu: plainTasks * Resources.plain[Resources.cpu])
    }

    /// The worker was given an attempt that is not plain. `update` follows.
    mutating func take(_ resources: Resources, from worker: UInt32) {
        members[Int(worker)].special += 1
        rooms[Int(worker)].taken = rooms[Int(worker)].taken + resources
    }

    /// Such an attempt has left the worker. `update` follows.
    mutating func give(_ resources: Resources, backTo worker: UInt32) {
        members[Int(worker)].special -= 1
        rooms[Int(worker)].taken = rooms[Int(worker)].taken - resources
    }

    /// Workers can be searched by this kind from now on, once each was updated.
    mutating func index(_ kind: Int) {
        guard indexOfKind[kind] == nil else { return }
        indexOfKind[kind] = indexes.count
        indexes.append(RoomIndex(kind: kind))
        indexes[indexes.count - 1].addClasses(upTo: classes.count)
    }

    mutating func updateIndexes(_ worker: UInt32) {
        let member = members[Int(worker)]
        let hasSlot = member.load.held < member.load.slots
        let left = left(worker)
        for position in indexes.indices {
            let level = hasSlot ? RoomIndex.level(left[indexes[position].kind]) : .none
            indexes[position].move(worker, of: member.memberOf, to: level)
        }
    }

    /// A worker that has room for the next task of a requirement that is not plain; none if there is none,
    /// and then one is kept free for it.
    mutating func room(for requirement: UInt32, _ resources: Resources) -> UInt32 {
        let kind = resources.scarcest
        guard requirement < providers.count, let position = indexOfKind[kind] else { return .none }
        let reserved = reservation(of: requirement)
        if reserved != .none, hasRoom(reserved, resources) {
            cancelReservation(of: reserved)
            servedByReservation = reserved
            return reserved
        }
        let worker = search(indexes[position].kind, position, requirement, resources)
        if worker == .none {
            if reserved == .none { reserve(requirement, resources) }
        } else if reserved != .none {
            cancelReservation(of: reserved)
        }
        return worker
    }

    /// From the best level on through all classes at once; so many workers are looked at and no more.
    private func search(
        _ kind: Int, _ position: Int, _ requirement: UInt32, _ resources: Resources
    ) -> UInt32 {
        var levels: UInt64 = 0
        for provider in providers[Int(requirement)] {
            levels |= indexes[position].levels(of: provider, from: resources[kind])
        }
        var probes = Limits.placementProbesMax
        while levels != 0, probes > 0 {
            let isSpread = kind == Resources.cpu
            let level = UInt32(isSpread ? 63 - levels.leadingZeroBitCount : levels.trailingZeroBitCount)
            levels &= ~(1 << UInt64(level))
            for provider in providers[Int(requirement)] {
                var worker = indexes[position].first(provider, level)
                while worker != .none, probes > 0 {
                    probes -= 1
                    if isOpen(worker, for: requirement, resources) { return worker }
                    worker = indexes[position].next(worker)
                }
            }
        }
        return .none
    }

    /// Whether it has room that is not kept for others.
    func isOpen(_ worker: UInt32, for requirement: UInt32, _ resources: Resources) -> Bool {
        let reservedFor = members[Int(worker)].reservedFor
        return (reservedFor == .none || reservedFor == requirement) && hasRoom(worker, resources)
    }

    private func hasRoom(_ worker: UInt32, _ resources: Resources) -> Bool {
        let load = members[Int(worker)].load
        return load.held < load.slots && resources.fits(in: left(worker))
    }

    // MARK: Reservations

    /// The worker that is kept free for a requirement, or none.
    func reservation(of requirement: UInt32) -> UInt32 {
        for reservation in reservations where reservation.requirement == requirement {
            return reservation.worker
        }
        return .none
    }

    /// The requirement's next task found room at a worker without a search.
    mutating func endReservation(of requirement: UInt32, servedBy worker: UInt32) {
        if reservations.isEmpty { return }
        let reserved = reservation(of: requirement)
        if reserved == .none { return }
        cancelReservation(of: reserved)
        if reserved == worker { servedByReservation = reserved }
    }

    /// Of the first workers that could serve it, the one that holds the least.
    private mutating func reserve(_ requirement: UInt32, _ resources: Resources) {
        guard reservations.count < Limits.reservationsMax else { return }
        var probes = Limits.placementProbesMax
        var best = UInt32.none
        for provider in providers[Int(requirement)] {
            var worker = classWorkers.first(provider)
            while worker != .none, probes > 0 {
                probes -= 1
                let member = members[Int(worker)]
                let isBetter = best == .none || member.load.held < members[Int(best)].load.held
                let isFree = member.reservedFor == .none && member.lastKeptFor == .none
                if isFree, isBetter, lacksOnlyCpu(worker, resources) { best = worker }
                worker = classWorkers.next(worker)
            }
        }
        guard best != .none else { return }
        reservations.append(Reservation(requirement: requirement, worker: best))
        members[Int(best)].reservedFor = requirement
        update(best, members[Int(best)].load)
    }

    /// Whether plain tasks take all that is missing for this.
    private func lacksOnlyCpu(_ worker: UInt32, _ resources: Resources) -> Bool {
        var others = resources
        others[Resources.cpu] = 0
        return others.fits(in: left(worker))
    }

    /// The worker holds one more attempt, with this requirement.
    @inline(__always) mutating func noteHeld(by worker: UInt32, _ requirement: UInt32) {
        if servedByReservation == worker {
            members[Int(worker)].lastKeptFor = requirement
        } else if members[Int(worker)].lastKeptFor != requirement {
            members[Int(worker)].lastKeptFor = .none
        }
        servedByReservation = .none
    }

    mutating func cancelReservation(of worker: UInt32) {
        guard members[Int(worker)].reservedFor != .none else { return }
        members[Int(worker)].reservedFor = .none
        reservations.removeAll { $0.worker == worker }
        hasFreed = true
        update(worker, members[Int(worker)].load)
    }

    /// Whether a worker is no longer kept free, since this was last asked.
    mutating func takeFreed() -> Bool {
        defer { hasFreed = false }
        return hasFreed
    }
}

extension Scheduler {
    mutating func takeRoom(of task: UInt32, on worker: UInt32) {
        let requirement = tasks[task].requirement
        if demands.isPlain(requirement) { return }
        let resources = demands.resources(requirement)
        placement.take(resources, from: worker)
        let gpus = resources[Resources.gpu]
        if gpus > 0 { placement.takeDevices(gpus, for: task, of: worker) }
    }

    mutating func giveRoomBack(of task: UInt32, on worker: UInt32) {
        let requirement = tasks[task].requirement
        if demands.isPlain(requirement) { return }
        let resources = demands.resources(requirement)
        placement.give(resources, backTo: worker)
        let gpus = resources[Resources.gpu]
        if gpus > 0 { placement.giveDevices(gpus, of: task, backTo: worker) }
    }

    /// What has nothing ready needs no worker kept free.
    mutating func dropReservations() {
        var position = placement.reservations.count - 1
        while position >= 0 {
            let reservation = placement.reservations[position]
            if queues.readyCount(reservation.requirement) == 0 {
                placement.cancelReservation(of: reservation.worker)
            }
            position -= 1
        }
    }
}
