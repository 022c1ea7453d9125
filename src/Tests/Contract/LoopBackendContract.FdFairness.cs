using Harness.Io;

namespace Harness.Tests;

/// <content>Whose turn it is among events that are ready.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void Events_of_one_descriptor_take_turns()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        var order = new List<int>();
        for (int i = 0; i < 5; i++)
        {
            int number = i;
            test.Loop.AddFd(new RecordedFd(_ => order.Add(number)).Event, fd, i % 2 == 0 ? FdFlags.Read : FdFlags.ReadWrite);
        }

        test.LoopTimes(25);
        Assert.Equal(Enumerable.Range(0, 25).Select(i => i % 5), order);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void No_event_waits_for_more_handlers_than_there_are_ready_events(int eventsOfEach)
    {
        using var test = new LoopHarness(Backend);
        const int Descriptors = 6;
        var last = new List<int>();
        int called = 0;
        int longest = 0;
        for (int i = 0; i < Descriptors; i++)
        {
            (int fd, int peer) = test.Fds();
            FdBytes.Write(peer);
            for (int k = 0; k < eventsOfEach; k++)
            {
                int index = last.Count;
                last.Add(0);
                test.Loop.AddFd(new RecordedFd(_ => Told(index)).Event, fd, FdFlags.Read);
            }
        }

        void Told(int index)
        {
            called++;
            longest = Math.Max(longest, called - last[index]);
            last[index] = called;
        }

        test.LoopTimes(10 * last.Count);
        Assert.Equal(last.Count, longest);
        Assert.All(last, at => Assert.InRange(at, (9 * last.Count) + 1, 10 * last.Count));
    }

    [Fact]
    public void An_event_waits_for_no_more_than_one_handler_of_each_other_descriptor_between_two_of_its_own()
    {
        using var test = new LoopHarness(Backend);

        // One descriptor with many events, one with few, one that is ready now and then: all of them have the same share.
        (int many, int manyPeer) = test.Fds();
        (int one, int onePeer) = test.Fds();
        (int late, int latePeer) = test.Fds();
        var calls = new Dictionary<int, int> { [many] = 0, [one] = 0, [late] = 0 };
        FdBytes.Write(manyPeer);
        FdBytes.Write(onePeer);
        for (int k = 0; k < 8; k++)
        {
            test.Loop.AddFd(new RecordedFd(_ => calls[many]++).Event, many, FdFlags.Read);
        }

        test.Loop.AddFd(new RecordedFd(_ => calls[one]++).Event, one, FdFlags.Read);
        test.Loop.AddFd(new RecordedFd(_ =>
        {
            calls[late]++;
            FdBytes.Read(late);
        }).Event, late, FdFlags.Read);
        for (int round = 1; round <= 20; round++)
        {
            FdBytes.Write(latePeer);

            // At most two descriptors are ahead of it, and again two where what the kernel last said did not have it yet.
            test.LoopTimes(5);
            Assert.Equal(round, calls[late]);
        }

        Assert.InRange(calls[one], calls[many] - 3, calls[many] + 3);
    }

    [Fact]
    public void A_descriptor_that_is_always_ready_keeps_nothing_else_from_its_turn()
    {
        using var test = new LoopHarness(Backend);
        using var file = new TempDir();
        using FileStream stream = File.Create(Path.Combine(file.Path, "always-ready"));
        int fd = (int)stream.SafeFileHandle.DangerousGetHandle();
        (int quiet, int peer) = test.Fds();
        var always = new RecordedFd();
        var reader = new RecordedFd(_ => FdBytes.Read(quiet));
        var timer = new RecordedTimer();
        int posted = 0;
        test.Loop.AddFd(always.Event, fd, FdFlags.ReadWrite);
        test.Loop.AddFd(reader.Event, quiet, FdFlags.Read);
        for (int round = 1; round <= 20; round++)
        {
            FdBytes.Write(peer);
            test.Loop.StartTimer(timer.Timer, test.Loop.NowNs);
            test.Loop.Post(() => posted++);
            test.LoopTimes(6);
            Assert.Equal((round, round, round), (reader.Count, timer.Count, posted));
        }

        Assert.True(always.Count >= 20);
        test.Loop.RemoveFd(always.Event);
        test.AssertQuiet();
    }
}
