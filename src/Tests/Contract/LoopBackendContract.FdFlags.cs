using Harness.Io;

namespace Harness.Tests;

/// <content>Events of descriptors whose flags change.</content>
public abstract partial class LoopBackendContract
{
    private static readonly FdFlags[] AllFlags = [FdFlags.None, FdFlags.Read, FdFlags.Write, FdFlags.ReadWrite];

    [Theory]
    [InlineData(FdFlags.None)]
    [InlineData(FdFlags.Read)]
    [InlineData(FdFlags.Write)]
    [InlineData(FdFlags.ReadWrite)]
    public void Flags_count_from_the_moment_at_which_they_are_set(FdFlags state)
    {
        using var test = new LoopHarness(Backend);
        int fd = InState(test, state);
        var fdEvent = new RecordedFd();
        test.Loop.AddFd(fdEvent.Event, fd, FdFlags.None);

        // From each to each, and with the kernel asked in between or not.
        foreach (FdFlags from in AllFlags)
        {
            foreach (FdFlags to in AllFlags)
            {
                foreach (bool armed in new[] { false, true })
                {
                    test.Loop.SetFlags(fdEvent.Event, from);
                    if (armed)
                    {
                        AssertTold(test, fdEvent, from & state, $"{state}: {from}");
                    }

                    test.Loop.SetFlags(fdEvent.Event, to);
                    for (int again = 0; again < 2; again++)
                    {
                        AssertTold(test, fdEvent, to & state, $"{state}: {from} to {to}, {(armed ? "armed" : "not armed")}, {again}");
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_event_without_flags_sleeps_and_wakes_up_with_them(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        var reader = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.None);
        for (int round = 1; round <= 3; round++)
        {
            test.AssertQuiet();
            test.Loop.SetFlags(reader.Event, FdFlags.Read);
            test.Once(batched);
            Assert.Equal(round, reader.Count);
            test.Loop.SetFlags(reader.Event, FdFlags.None);
            Assert.True(reader.Event.IsAdded);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_handler_changes_its_own_flags_and_those_of_others(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        FdBytes.Write(peer);
        FdBytes.Write(otherPeer);
        var told = new List<string>();
        var second = new RecordedFd(ready => told.Add($"second {ready}"));
        var first = new RecordedFd(ready => told.Add($"first {ready}"));
        first.Then += ready =>
        {
            // Its own go on to the next, and the other, which may be reported already, hears of them at once.
            test.Loop.SetFlags(first.Event, ready == FdFlags.Read ? FdFlags.Write : FdFlags.None);
            test.Loop.SetFlags(second.Event, FdFlags.Write);
        };
        second.Then += _ => test.Loop.SetFlags(second.Event, FdFlags.None);
        test.Loop.AddFd(first.Event, fd, FdFlags.Read);
        test.Loop.AddFd(second.Event, other, FdFlags.None);
        for (int i = 0; i < 8; i++)
        {
            test.Once(batched);
        }

        Assert.Equal(["first Read", "first Write"], told.Where(text => text.StartsWith("first", StringComparison.Ordinal)));
        Assert.All(told.Where(text => text.StartsWith("second", StringComparison.Ordinal)), text => Assert.Equal("second Write", text));
        Assert.InRange(second.Count, 1, 2);
        Assert.Equal((FdFlags.None, FdFlags.None), (first.Event.Flags, second.Event.Flags));
        test.AssertQuiet();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flag_that_another_handler_clears_is_not_told_any_more_even_where_it_was_reported(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        FdBytes.Write(peer);
        FdBytes.Write(otherPeer);

        // Whichever is called first silences the other.
        RecordedFd first = new();
        RecordedFd second = new();
        first.Then = _ => test.Loop.SetFlags(second.Event, FdFlags.None);
        second.Then = _ => test.Loop.SetFlags(first.Event, FdFlags.None);
        test.Loop.AddFd(first.Event, fd, FdFlags.Read);
        test.Loop.AddFd(second.Event, other, FdFlags.Read);
        for (int i = 1; i <= 4; i++)
        {
            test.Once(batched);
            Assert.Equal((i, 0), (Math.Max(first.Count, second.Count), Math.Min(first.Count, second.Count)));
        }

        first.Then = null;
        second.Then = null;
    }

    [Fact]
    public void Flags_of_one_event_leave_those_of_another_on_the_same_descriptor_alone()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        var reader = new RecordedFd();
        var changing = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.Loop.AddFd(changing.Event, fd, FdFlags.None);
        foreach (FdFlags flags in new[] { FdFlags.Write, FdFlags.None, FdFlags.ReadWrite, FdFlags.Read, FdFlags.None })
        {
            test.Loop.SetFlags(changing.Event, flags);
            int before = reader.Count;
            int changingBefore = changing.Count;
            test.LoopTimes(4);
            int each = flags == FdFlags.None ? 4 : 2;
            Assert.Equal((each, 4 - each), (reader.Count - before, changing.Count - changingBefore));
            Assert.Equal(FdFlags.Read, reader.Ready);
        }

        test.Loop.RemoveFd(changing.Event);
        test.LoopTimes(1);
    }

    /// <summary>A descriptor on which exactly these flags hold.</summary>
    private static int InState(LoopHarness test, FdFlags state)
    {
        (int fd, int peer) = test.Fds();
        if ((state & FdFlags.Read) != 0)
        {
            FdBytes.Write(peer);
        }

        if ((state & FdFlags.Write) == 0)
        {
            FdBytes.Fill(fd);
        }

        return fd;
    }

    private static void AssertTold(LoopHarness test, RecordedFd fdEvent, FdFlags expected, string what)
    {
        int before = fdEvent.Count;
        bool told = test.Loop.LoopOnce(0);
        Assert.True(told == (expected != FdFlags.None), $"{test.Loop.BackendName}: {what}: {(told ? $"told {fdEvent.Ready}" : "not told")}");
        Assert.Equal(told ? 1 : 0, fdEvent.Count - before);
        Assert.True(!told || fdEvent.Ready == expected, $"{test.Loop.BackendName}: {what}: told {fdEvent.Ready} instead of {expected}");
    }
}
