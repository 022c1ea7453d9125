using System.Text.Json;
using Harness.Io;
using Harness.Nbd;
using Harness.Serve;

namespace Harness.Tests;

/// <summary>What the control socket answers, and what asking must not do to a loop.</summary>
public sealed class ControlStatsTests
{
    [Fact]
    public void A_loop_that_answers_late_does_not_end_by_it()
    {
        using var backend = new SimulatedBackend();
        using var loop = new EventLoop(backend);
        var stats = new ControlStats(Server(loop), []) { Patience = TimeSpan.FromMilliseconds(1) };
        Assert.Throws<TimeoutException>(() => stats.ToJson());
        loop.RunOnce();
    }

    [Fact]
    public async Task Only_the_loop_itself_reads_its_counters()
    {
        using var simulated = new SimulatedBackend();
        var backend = new WatchedBackend(simulated);
        using var loop = new EventLoop(backend);
        var stats = new ControlStats(Server(loop), []);
        backend.Readers.Clear();
        int loopThread = Environment.CurrentManagedThreadId;
        Task<byte[]> answer = Task.Factory.StartNew(() => stats.ToJson(all: true), TaskCreationOptions.LongRunning);
        loop.RunOnce();
        using JsonDocument counters = JsonDocument.Parse(await answer);
        // Taken within the loop's first turn.
        Assert.Equal(0, counters.RootElement.GetProperty("work").GetProperty("turns").GetInt64());
        Assert.Equal([loopThread], backend.Readers.Distinct());
    }

    private static NbdServer Server(EventLoop loop) =>
        new([new NbdExport("", new BlockGraph(new NullStore(4096)))], [loop], new NbdServerOptions(), new ServerLog(_ => { }));

    /// <summary>Remembers who asked for the counters: a ring's are brought up to date by asking, which is for the ring's own thread.</summary>
    private sealed class WatchedBackend(ILoopBackend inner) : ILoopBackend
    {
        public List<int> Readers { get; } = [];

        public string Name => inner.Name;

        public long NowNs => inner.NowNs;

        public bool HasDeadline(OperationKind kind) => inner.HasDeadline(kind);

        public string Description => inner.Description;

        public LoopCounters Counters
        {
            get
            {
                lock (Readers)
                {
                    Readers.Add(Environment.CurrentManagedThreadId);
                }

                return inner.Counters;
            }
        }

        public void Attach(EventLoop loop) => inner.Attach(loop);

        public void Submit(IoOperation operation) => inner.Submit(operation);

        public void Cancel(IoOperation operation) => inner.Cancel(operation);

        public bool Quiesce(int fd) => inner.Quiesce(fd);

        public ForeignClose OnForeignClose => inner.OnForeignClose;

        public void SetInterest(int fd, FdFlags interest) => inner.SetInterest(fd, interest);

        public void Rewatch(int fd) => inner.Rewatch(fd);

        public FdFlags Confirm(int fd, FdFlags interest) => inner.Confirm(fd, interest);

        public bool StillWatches(int fd) => inner.StillWatches(fd);

        public void Wait(long timeoutNs, int maxEvents) => inner.Wait(timeoutNs, maxEvents);

        public void Wake() => inner.Wake();

        public void CloseDescriptor(int fd, bool isSocket) => inner.CloseDescriptor(fd, isSocket);

        public void Dispose() => inner.Dispose();
    }
}
