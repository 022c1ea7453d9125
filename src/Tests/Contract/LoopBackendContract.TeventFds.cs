using Harness.Io;

namespace Harness.Tests;

/// <content>The tests of tevent's own suite for descriptors: fd1, fd2 and fd3.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void Tevent_fd1()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        var told = new List<FdFlags>();
        bool draining = false;
        RecordedFd watched = new();
        watched.Then = ready =>
        {
            told.Add(ready);
            if (draining)
            {
                // Until the end of the stream, and then no more.
                Assert.True((ready & FdFlags.Read) != 0);
                test.Loop.SetFlags(watched.Event, FdBytes.Read(fd) == 1 ? FdFlags.ReadWrite : FdFlags.None);
            }
            else if (ready == FdFlags.Write)
            {
                FdBytes.Write(peer);
                test.Loop.SetFlags(watched.Event, FdFlags.Read);
            }
            else
            {
                test.Loop.SetFlags(watched.Event, FdFlags.None);
            }
        };

        // The other end has an event without flags, which is never told.
        RecordedFd silent = new();
        test.Loop.AddFd(watched.Event, fd, FdFlags.None);
        test.Loop.AddFd(silent.Event, peer, FdFlags.None);
        for (int round = 1; round <= 3; round++)
        {
            // A byte more lies there each time, but only what is asked for is told.
            test.Loop.StartTimer(new RecordedTimer(() => test.Loop.SetFlags(watched.Event, FdFlags.Write)).Timer, test.Loop.NowNs + 2_000_000);
            test.LoopTimes(3);
            test.AssertQuiet();
            Assert.Equal([FdFlags.Write, FdFlags.Read], told);
            told.Clear();
        }

        draining = true;
        test.Loop.RemoveFd(silent.Event);
        test.CloseRaw(peer);
        test.Loop.SetFlags(watched.Event, FdFlags.ReadWrite);
        test.LoopTimes(4);
        test.AssertQuiet();
        Assert.All(told, ready => Assert.Equal(FdFlags.ReadWrite, ready));
        Assert.Equal((4, 0), (told.Count, silent.Count));
    }

    [Fact]
    public void Tevent_fd2()
    {
        using var test = new LoopHarness(Backend);
        (int one, int two) = test.Fds();
        TeventSocket[] sockets = [new(test, one), new(test, two)];
        sockets[0].Other = sockets[1];
        sockets[1].Other = sockets[0];
        foreach (TeventSocket socket in sockets)
        {
            socket.Write();
        }

        for (int handlers = 0; sockets.Any(socket => !socket.HasReadAll); handlers++)
        {
            Assert.True(handlers < 1_000_000, "the two never end");
            test.LoopTimes(1);
        }

        Assert.All(sockets, socket => Assert.True(socket.Written > 8, "the sockets were hardly filled"));
        test.Loop.SetFlags(sockets[0].Watched.Event, FdFlags.Read);
        test.Loop.SetFlags(sockets[1].Watched.Event, FdFlags.Read);
        test.AssertQuiet();
    }

    [Fact]
    public void Tevent_fd3()
    {
        using var test = new LoopHarness(Backend);
        (int one, int two) = test.Fds();
        RecordedFd[] first = NineEvents(test, one);
        RecordedFd[] second = NineEvents(test, two);
        FdFlags[] mixed = [.. "W.RWBRWB.".Select(Letter)];
        FdFlags[] both = [.. "BBBBBBBBB".Select(Letter)];
        FdFlags[] other = [.. "RBB.RW.WB".Select(Letter)];

        AssertPhase(test, FdFlags.Write, (first, mixed), (second, both));
        AssertPhase(test, FdFlags.Write, (first, other), (second, mixed));
        FdBytes.Write(one);
        FdBytes.Write(two);
        AssertPhase(test, FdFlags.ReadWrite, (first, both), (second, other));
        AssertPhase(test, FdFlags.ReadWrite, (first, mixed), (second, mixed));
        FdBytes.Fill(one);
        FdBytes.Fill(two);
        AssertPhase(test, FdFlags.Read, (first, other), (second, both));
        AssertPhase(test, FdFlags.Read, (first, mixed), (second, other));

        // The peer is gone. Both flags hold, although there is nothing to write to: tevent has a flag of its own for that.
        foreach (RecordedFd fdEvent in first)
        {
            test.Loop.RemoveFd(fdEvent.Event);
        }

        test.CloseRaw(one);
        AssertPhase(test, FdFlags.ReadWrite, (second, mixed));
        AssertPhase(test, FdFlags.ReadWrite, (second, both));
    }

    private static FdFlags Letter(char letter) => letter switch
    {
        'R' => FdFlags.Read,
        'W' => FdFlags.Write,
        'B' => FdFlags.ReadWrite,
        _ => FdFlags.None,
    };

    private static RecordedFd[] NineEvents(LoopHarness test, int fd)
    {
        RecordedFd[] events = [.. Enumerable.Range(0, 9).Select(_ => new RecordedFd())];
        foreach (RecordedFd fdEvent in events)
        {
            test.Loop.AddFd(fdEvent.Event, fd, FdFlags.None);
        }

        return events;
    }

    /// <summary>In each round every event that asks for something that holds is told once, with exactly that, and no other is told.</summary>
    private static void AssertPhase(LoopHarness test, FdFlags state, params (RecordedFd[] Events, FdFlags[] Flags)[] sides)
    {
        const int Rounds = 20;
        int[][] before = [.. sides.Select(side => side.Events.Select(fdEvent => fdEvent.Count).ToArray())];
        foreach ((RecordedFd[] events, FdFlags[] flags) in sides)
        {
            // A side is done after its rounds; until then nobody of it may be a whole round ahead.
            int told = 0;
            int ready = flags.Count(flag => (flag & state) != 0);
            for (int i = 0; i < events.Length; i++)
            {
                int index = i;
                int mine = 0;
                events[i].Then = what =>
                {
                    Assert.Equal(flags[index] & state, what);
                    Assert.Equal(told / ready, mine);
                    mine++;
                    told++;
                    if (told == Rounds * ready)
                    {
                        Array.ForEach(events, fdEvent => test.Loop.SetFlags(fdEvent.Event, FdFlags.None));
                    }
                };
                test.Loop.SetFlags(events[i].Event, flags[i]);
            }
        }

        test.LoopTimes(sides.Sum(side => Rounds * side.Flags.Count(flag => (flag & state) != 0)));
        test.AssertQuiet();
        for (int side = 0; side < sides.Length; side++)
        {
            for (int i = 0; i < sides[side].Events.Length; i++)
            {
                Assert.Equal((sides[side].Flags[i] & state) != 0 ? Rounds : 0, sides[side].Events[i].Count - before[side][i]);
                sides[side].Events[i].Then = null;
            }
        }
    }

    /// <summary>One side of fd2: writes while it may, waits until the other is full too, then reads all that the other has written, in order.</summary>
    private sealed class TeventSocket
    {
        private readonly LoopHarness _test;
        private readonly int _fd;
        private bool _full;
        private int _read;

        public TeventSocket(LoopHarness test, int fd)
        {
            _test = test;
            _fd = fd;
            Sockets.SetSendBuffer(fd, 65536);
            Watched = new RecordedFd(OnReady);
            test.Loop.AddFd(Watched.Event, fd, FdFlags.ReadWrite);
        }

        public RecordedFd Watched { get; }

        public TeventSocket Other { get; set; } = null!;

        public int Written { get; private set; }

        public bool HasReadAll => _full && Other._full && _read == Other.Written;

        public void Write() => FdBytes.Write(_fd, 1, (byte)Written++);

        private void OnReady(FdFlags ready)
        {
            // The other has written at least one byte that is not read yet, or there would be nothing to tell a side that is done.
            Assert.True((ready & FdFlags.Read) != 0 && _read < Other.Written, $"told {ready} after {_read} of {Other.Written} bytes");
            if (!_full && (ready & FdFlags.Write) != 0)
            {
                Write();
                return;
            }

            if (!_full)
            {
                _full = true;
                if (!Other._full)
                {
                    _test.Loop.SetFlags(Watched.Event, FdFlags.None);
                    return;
                }

                _test.Loop.SetFlags(Other.Watched.Event, FdFlags.ReadWrite);
            }

            Assert.Equal((byte)_read, FdBytes.ReadByte(_fd));
            _read++;
            if (_read == Other.Written)
            {
                // There is room again, so a writer would be told without end.
                _test.Loop.SetFlags(Watched.Event, FdFlags.Read);
            }
        }
    }
}
