"""The story, one stage to a file. Whoever wants to know how a message gets out reads this and follows it.

    letter + schedules.yaml + messages/
      → files.campaign.load   what is sent, where, when; every error with its file, line and step
      → check.campaign        each message rendered and held to the letter and to its network
      → approve.approve       a person approves the digest of exactly this; any change voids it
      → due.waves             which waves have come due, and which came too late
      → ab_test.decide        which arm of a test the rest gets
      → audience.of           segment, less suppressed, less those without consent
      → prepare.wave          written to the ledger as planned, in one transaction
      → dispatch.everything   claim → compose → begin → channel → record
      → settle.doubts         what became of attempts whose answer was lost
      → feedback.apply        delivered, bounced, complained, unsubscribed
      → rollout.turn          all of the above, once; an engine wakes it again at the next instant

The ledger decides, the flow only asks. Everything here is synchronous and takes its time from the clock's port.
"""
