using Harness.Io;

namespace Harness.Tests;

/// <content>The tests of tevent's own suite, written anew from what they try.</content>
/// <remarks>
/// Samba's lib/tevent/testsuite.c registers nine tests for each of its backends, and some for threads:
/// <list type="bullet">
/// <item>context: a pipe with a handler for each direction of each end, of which two can never fire, beside signals and a timer, all counted.</item>
/// <item>fd_speed1, fd_speed2, fd_speed3: bytes through a pipe, alone, and with one and two more events on each end that never fire. (The speed is
/// measured by <c>harness events</c>; here it is the count.)</item>
/// <item>fd1: flags are set, changed and cleared from the handler and from a timer; after the peer's close the descriptor is drained.</item>
/// <item>fd2: two sockets write to each other until both are full, then read byte by byte until both are empty.</item>
/// <item>fd3: nine events with different flags on each end of a socket pair, in phases: writable, readable too, full, the peer gone.</item>
/// <item>wrapper: a descriptor, a timer, an immediate event and a signal at once are each told once. There are no wrappers here, so only that remains.</item>
/// <item>free_wrapper: the first handler frees everything else that is due, and nothing of it is told.</item>
/// <item>threaded_poll_mt: a descriptor is added to a loop that sleeps in another thread. Here the loop's own thread does it, and others post to it.</item>
/// <item>multi_tevent_threaded, _1, _2: many threads hand work to one loop; each gets an answer on a loop of its own; they schedule immediate events.</item>
/// </list>
/// Where this contract differs on purpose: hang-up and error have no flag of their own, they count as ready for reading and for writing; immediate events come
/// before signals, as the seed has it; a signal event that is for one signal only removes itself in its handler, where tevent has SA_RESETHAND.
/// </remarks>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void Tevent_context()
    {
        using var signals = new SignalSender();
        using var test = new LoopHarness(Backend);
        (int read, int write) = test.Pipe();
        int alarms = 0;
        int users = 0;
        bool finished = false;
        RecordedFd neverWrites = new();
        RecordedFd neverReads = new();
        RecordedFd reader = new(_ =>
        {
            signals.Send(SignalSender.User1);
            signals.Send(SignalSender.Alarm);
            FdBytes.Read(read);
        });
        RecordedFd writer = new(_ => FdBytes.Write(write));
        RecordedSignal always = new(count => alarms += count);
        RecordedSignal once = new();
        once.Then = count =>
        {
            alarms += count;
            test.Loop.RemoveSignal(once.Event);
        };
        RecordedSignal user = new(count => users += count);
        test.Loop.AddFd(reader.Event, read, FdFlags.Read);
        test.Loop.AddFd(neverWrites.Event, read, FdFlags.Write);
        test.Loop.AddFd(writer.Event, write, FdFlags.Write);
        test.Loop.AddFd(neverReads.Event, write, FdFlags.Read);
        test.Loop.StartTimer(new RecordedTimer(() => finished = true).Timer, test.Loop.NowNs + 20_000_000);
        test.Loop.AddSignal(always.Event, SignalSender.Alarm);
        test.Loop.AddSignal(once.Event, SignalSender.Alarm);
        test.Loop.AddSignal(user.Event, SignalSender.User1);
        while (!finished || reader.Count < 3)
        {
            test.LoopTimes(1);
        }

        foreach (RecordedFd fdEvent in new[] { reader, writer, neverReads, neverWrites })
        {
            test.Loop.RemoveFd(fdEvent.Event);
        }

        // Each byte had one signal of each, and the event for one signal only had one more.
        while (test.Loop.LoopOnce(0))
        {
        }

        Assert.Equal((reader.Count + 1, reader.Count), (alarms, users));
        Assert.Equal((0, 0, 1), (neverWrites.Count, neverReads.Count, once.Calls));
        test.Loop.RemoveSignal(always.Event);
        test.Loop.RemoveSignal(user.Event);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Tevent_fd_speed(int additional)
    {
        using var test = new LoopHarness(Backend);
        (int read, int write) = test.Pipe();
        int bytes = TestScale.Pick(1000, 100_000);
        var reader = new RecordedFd(_ => FdBytes.Read(read));
        var writer = new RecordedFd(_ => FdBytes.Write(write));
        RecordedFd[] never = [.. Enumerable.Range(0, 2 * additional).Select(_ => new RecordedFd())];
        test.Loop.AddFd(reader.Event, read, FdFlags.Read);
        test.Loop.AddFd(writer.Event, write, FdFlags.Write);
        for (int i = 0; i < never.Length; i++)
        {
            test.Loop.AddFd(never[i].Event, i % 2 == 0 ? read : write, i % 2 == 0 ? FdFlags.Write : FdFlags.Read);
        }

        while (reader.Count < bytes)
        {
            test.LoopTimes(1);
        }

        // Level-triggered and fair: after the first byte both are always ready and take turns.
        Assert.InRange(writer.Count, reader.Count, reader.Count + 2);
        Assert.All(never, fdEvent => Assert.Equal(0, fdEvent.Count));
        test.Loop.RemoveFd(reader.Event);
        test.Loop.RemoveFd(writer.Event);
        test.AssertQuiet();
    }

    [Fact]
    public void Tevent_wrapper()
    {
        using var signals = new SignalSender();
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        RecordedFd reader = new();
        reader.Then = _ => test.Loop.RemoveFd(reader.Event);
        RecordedSignal signal = new();
        signal.Then = _ => test.Loop.RemoveSignal(signal.Event);
        RecordedTimer timer = new();
        RecordedImmediate immediate = new();
        test.Loop.StartTimer(timer.Timer, 0);
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.Loop.AddSignal(signal.Event, SignalSender.User1);
        FdBytes.Write(peer);
        signals.Send(SignalSender.User1);
        test.Loop.Schedule(immediate.Event);
        test.LoopTimes(4);
        test.AssertQuiet();
        Assert.Equal((1, 1, 1, 1), (reader.Count, signal.Calls, timer.Count, immediate.Count));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Tevent_free_wrapper(bool batched)
    {
        using var signals = new SignalSender();
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        RecordedFd reader = new();
        RecordedTimer timer = new();
        RecordedSignal signal = new();
        RecordedImmediate never = new();

        // tevent's first is the signal; here it is the immediate event.
        RecordedImmediate freeing = new(() =>
        {
            test.Loop.RemoveFd(reader.Event);
            test.Loop.StopTimer(timer.Timer);
            test.Loop.RemoveSignal(signal.Event);
            test.Loop.Cancel(never.Event);
        });
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.Loop.StartTimer(timer.Timer, 0);
        test.Loop.AddSignal(signal.Event, SignalSender.User1);
        FdBytes.Write(peer);
        signals.Send(SignalSender.User1);
        test.Loop.Schedule(freeing.Event);
        test.Loop.Schedule(never.Event);
        test.Once(batched);
        test.AssertQuiet();
        Assert.Equal((1, 0, 0, 0, 0), (freeing.Count, never.Count, reader.Count, timer.Count, signal.Calls));
    }

    [Fact]
    public void Tevent_threaded()
    {
        using var test = new LoopHarness(Backend);
        int threads = TestScale.Pick(20, 100);
        int answered = 0;
        int scheduled = 0;
        (int read, int write) = test.Pipe();
        var reader = new RecordedFd(_ => FdBytes.Read(read));
        var all = new List<Thread>();
        for (int i = 0; i < threads; i++)
        {
            all.Add(new Thread(() =>
            {
                // Work for the loop, whose answer comes to a loop of the thread's own.
                using var own = new EventLoop(TestedBackends.Create(Backend));
                bool done = false;
                test.Loop.Post(() =>
                {
                    Assert.True(test.Loop.IsLoopThread);
                    test.Loop.Schedule(new RecordedImmediate(() => scheduled++).Event);
                    own.Post(() => done = own.IsLoopThread);
                });
                while (!done && own.LoopOnce(20_000_000_000))
                {
                }

                Interlocked.Add(ref answered, done ? 1 : 0);
            }));
        }

        // A descriptor that is added while the loop sleeps, and becomes ready while it sleeps again.
        var adding = new Thread(() =>
        {
            Thread.Sleep(3);
            test.Loop.Post(() => test.Loop.AddFd(reader.Event, read, FdFlags.Read));
            Thread.Sleep(3);
            FdBytes.Write(write);
        });
        adding.Start();
        test.LoopTimes(2);
        Assert.Equal(1, reader.Count);
        adding.Join();
        all.ForEach(thread => thread.Start());
        test.LoopTimes(2 * threads);
        all.ForEach(thread => thread.Join());
        Assert.Equal((threads, threads), (scheduled, answered));
        test.AssertQuiet();
    }
}
