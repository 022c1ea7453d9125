using Harness.Io;

namespace Harness.Tests;

/// <content>Handlers that run the loop again, and several loops on one descriptor.</content>
public abstract partial class LoopBackendContract
{
    private const int EachKind = 3;

    [Theory]
    [InlineData("immediate")]
    [InlineData("posted")]
    [InlineData("timer")]
    [InlineData("signal")]
    [InlineData("operation")]
    [InlineData("descriptor")]
    [InlineData("turn end")]
    public void A_handler_that_runs_the_loop_loses_nothing_and_calls_nothing_twice(string kind)
    {
        using var signals = new SignalSender();
        foreach (bool outerBatched in new[] { false, true })
        {
            foreach (bool innerBatched in new[] { false, true })
            {
                using var test = new LoopHarness(Backend);
                var nesting = new Nesting(test, kind, innerBatched);
                nesting.SetUp();
                signals.Send(SignalSender.Counted);
                for (int i = 0; i < 60; i++)
                {
                    test.Once(outerBatched);
                }

                nesting.AssertEachOnce($"{Backend}: {kind}, {outerBatched}, {innerBatched}");
                nesting.TearDown();
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_handler_may_wait_for_more_from_its_own_descriptor(bool batched)
    {
        // As a handler does that has read the first part of a message, and runs the loop until it has the rest.
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        int depth = 0;
        RecordedFd reader = new();
        reader.Then = _ =>
        {
            FdBytes.Read(fd);
            if (++depth < 4)
            {
                int before = reader.Count;
                FdBytes.Write(peer);
                Assert.True(test.Loop.LoopOnce(20_000_000_000), $"{Backend}: at depth {depth} the descriptor's next byte was not told");
                Assert.True(reader.Count > before);
            }
        };
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        FdBytes.Write(peer);
        test.Once(batched);
        Assert.Equal((4, 4), (reader.Count, depth));
        test.AssertQuiet();
        reader.Then = _ => FdBytes.Read(fd);
        FdBytes.Write(peer, 2);
        test.LoopTimes(2);
        test.AssertQuiet();
    }

    [Fact]
    public void Two_loops_watch_one_descriptor_and_the_idle_one_hears_of_the_present_only()
    {
        using var busy = new LoopHarness(Backend);
        using var idle = new LoopHarness(Backend);
        (int fd, int peer) = busy.Fds();
        var busyReader = new RecordedFd(_ => FdBytes.Read(fd));
        var idleReader = new RecordedFd();
        busy.Loop.AddFd(busyReader.Event, fd, FdFlags.Read);
        idle.Loop.AddFd(idleReader.Event, fd, FdFlags.Read);
        idle.AssertQuiet();
        for (int round = 1; round <= 5; round++)
        {
            for (int i = 0; i < 200; i++)
            {
                FdBytes.Write(peer);
                busy.LoopTimes(1);
            }

            // All of it was consumed by the other, whenever this one was woken.
            Assert.Equal(200 * round, busyReader.Count - (round - 1));
            idle.AssertQuiet();
            Assert.Equal(2 * (round - 1), idleReader.Count);
            FdBytes.Write(peer);
            idle.LoopTimes(2);
            Assert.Equal((2 * round, FdFlags.Read), (idleReader.Count, idleReader.Ready));
            busy.LoopTimes(1);
            idle.AssertQuiet();
            busy.AssertQuiet();
        }

        idle.Loop.RemoveFd(idleReader.Event);
        idle.AssertQuiet();
        FdBytes.Write(peer);
        busy.LoopTimes(1);
    }

    [Fact]
    public void Each_of_several_loops_has_its_own_reader_and_writer_of_one_descriptor()
    {
        var loops = Enumerable.Range(0, 4).Select(_ => new LoopHarness(Backend)).ToList();
        (int fd, int peer) = loops[0].Fds();
        var readers = loops.ConvertAll(_ => new RecordedFd());
        var writers = loops.ConvertAll(_ => new RecordedFd());
        for (int i = 0; i < loops.Count; i++)
        {
            loops[i].Loop.AddFd(readers[i].Event, fd, FdFlags.Read);
            loops[i].Loop.AddFd(writers[i].Event, fd, FdFlags.Write);
        }

        FdBytes.Write(peer);
        foreach (LoopHarness loop in loops)
        {
            loop.LoopTimes(4);
        }

        Assert.All(readers.Concat(writers), told => Assert.Equal(2, told.Count));
        FdBytes.Read(fd);
        for (int i = loops.Count - 1; i >= 0; i--)
        {
            loops[i].LoopTimes(2);
            Assert.Equal((2, 4), (readers[i].Count, writers[i].Count));
            loops[i].Loop.RemoveFd(readers[i].Event);
            loops[i].Loop.RemoveFd(writers[i].Event);
            loops[i].AssertQuiet();
            if (i > 0)
            {
                loops[i].Dispose();
            }
        }

        loops[0].Dispose();
    }

    /// <summary>Several of every kind, all due, of which the first of one kind runs the loop until nothing is left.</summary>
    private sealed class Nesting(LoopHarness test, string nestingKind, bool innerBatched) : ITurnEndHandler
    {
        private readonly Dictionary<string, int> _called = [];
        private readonly RecordedSignal _signal = new();
        private readonly List<RecordedFd> _readers = [];
        private bool _nested;

        public void SetUp()
        {
            for (int i = 0; i < EachKind; i++)
            {
                (int fd, int peer) = test.Fds();
                FdBytes.Write(peer);
                RecordedFd reader = new(_ =>
                {
                    FdBytes.Read(fd);
                    Called("descriptor");
                });
                test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
                _readers.Add(reader);
                var operation = new Recorded { Then = _ => Called("operation") };
                test.Loop.BeginCustom(operation.Operation);
                test.Loop.Complete(operation.Operation, 0);
                test.Loop.StartTimer(new RecordedTimer(() => Called("timer")).Timer, test.Loop.NowNs);
                test.Loop.Post(() => Called("posted"));
                test.Loop.Schedule(new RecordedImmediate(() => Called("immediate")).Event);
                test.Loop.AtTurnEnd(this);
            }

            _signal.Then = count =>
            {
                Assert.Equal(1, count);
                Called("signal");
            };
            test.Loop.AddSignal(_signal.Event, SignalSender.Counted);
        }

        public void OnTurnEnd() => Called("turn end");

        public void AssertEachOnce(string what)
        {
            string Text(IEnumerable<KeyValuePair<string, int>> calls) => string.Join(", ", calls.OrderBy(c => c.Key).Select(c => $"{c.Key} {c.Value}"));
            string[] kinds = ["immediate", "posted", "timer", "operation", "descriptor", "turn end"];
            var expected = kinds.ToDictionary(kind => kind, _ => EachKind);
            expected["signal"] = 1;
            Assert.True(Text(expected) == Text(_called), $"{what}: {Text(_called)}");
            Assert.All(_readers, reader => Assert.Equal(1, reader.Count));
            Assert.True(_nested);
        }

        public void TearDown() => test.Loop.RemoveSignal(_signal.Event);

        private void Called(string kind)
        {
            _called[kind] = _called.GetValueOrDefault(kind) + 1;
            if (kind == nestingKind && !_nested)
            {
                _nested = true;
                for (int i = 0; i < 40; i++)
                {
                    test.Once(innerBatched);
                }
            }
        }
    }
}
