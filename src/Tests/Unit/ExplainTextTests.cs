using Harness.Load;
using Harness.Results;

namespace Harness.Tests;

/// <summary>What <c>load --explain</c> prints of given figures.</summary>
public sealed class ExplainTextTests
{
    private static readonly LoadOptions s_deep = new() { Uri = "nbd://x", Backend = "epoll", Wait = "block", Depth = 64, Explain = true };

    [Fact]
    public void Times_have_their_share_of_the_wall_time_and_calls_their_names()
    {
        string[] lines = Lines(ExplainSamples.Epoll, s_deep);
        Assert.Contains("where the time goes               client          server", lines);
        Assert.Contains("  kernel                           0.200  20 %     0.400  40 %", lines);
        Assert.Contains("  recvfrom                         0.016           0.016", lines);
        Assert.Contains("system calls                       0.047           0.047", lines);
        Assert.Contains("batches by size, %                  mean     2-3   32-63  64-127", lines);
        Assert.Contains("client: replies per receive         63.5               1      99", lines);
        Assert.Contains("server: replies per send            64.0                     100", lines);
    }

    [Fact]
    public void A_call_that_one_side_never_makes_is_no_call_there_and_a_figure_that_nobody_has_no_line()
    {
        var explanation = ExplainSamples.Epoll with { Server = ExplainSamples.Uring.Server };
        string[] lines = Lines(explanation, s_deep);
        Assert.Contains("  io_uring_enter                       0           0.031", lines);
        Assert.DoesNotContain(lines, line => line.Contains("spinning", StringComparison.Ordinal));
    }

    [Fact]
    public void A_server_of_which_only_the_process_is_known_has_its_times_alone()
    {
        var server = new ExplainedSide { UserUsPerOp = 1.5, KernelUsPerOp = 4.5 };
        string[] lines = Lines(ExplainSamples.Epoll with { Server = server }, s_deep);
        Assert.Contains("  kernel                           0.200  20 %      4.50", lines);
        Assert.Contains("turns of the loop                  0.016               -", lines);
        Assert.DoesNotContain(lines, line => line.StartsWith("server: ", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("turns:", StringComparison.Ordinal));
    }

    [Fact]
    public void Sentences_say_what_the_figures_say_together()
    {
        string[] notes = [.. ExplainNotes.Of(ExplainSamples.Uring, isOpenLoop: false, depth: 64)];
        Assert.Equal(
            [
                "the sides take turns: each send takes all 64 that are in flight, and one sleeps while the other works; on a CPU: client 30 %, server 30 %",
                "for 0.2 µs per operation at least neither loop is on a CPU: from a wake-up to running, 6.4 µs for each of 0.031 wake-ups",
                "waits that ended without sleeping: client 50 %, server 50 %; something was there already, like the completion of the send that the same "
                    + "io_uring_enter had handed over: then it takes another to wait for what is to be received",
                "our code copies what is read out of the receive buffer (client) and what is written into the store (server); the kernel copies what is sent and "
                    + "received, headers too, once on each side",
            ],
            notes);
    }

    [Fact]
    public void A_loop_that_spins_gets_no_sentence_about_who_waits_for_whom()
    {
        ExplainedSide Spinning(ExplainedSide side) => side with { LooksPerOp = 30, WaitsPerOp = 0, WakeUpsPerOp = 0, UserCopiedBytesPerOp = 0 };
        var uring = new Explanation { Client = Spinning(ExplainSamples.Uring.Client!), Server = Spinning(ExplainSamples.Uring.Server!) };
        Assert.Equal(["client and server spin: the time in which a loop has nothing to do is in its user code"], ExplainNotes.Of(uring, false, 64));
        var epoll = uring with { Server = ExplainSamples.Epoll.Server! with { UserCopiedBytesPerOp = 0 }, Client = Spinning(ExplainSamples.Epoll.Client!) };
        Assert.Equal(
            ["client spins: the time in which a loop has nothing to do is in its user code and, where a look is a system call, in the kernel"],
            ExplainNotes.Of(epoll, false, 64));
    }

    [Fact]
    public void Where_other_work_has_the_cpu_that_is_what_there_is_to_say()
    {
        var crowded = ExplainSamples.Epoll with { Server = ExplainSamples.Epoll.Server! with { RunnableUsPerOp = 0.3, AsleepUsPerOp = 0.2 } };
        string[] notes = [.. ExplainNotes.Of(crowded, isOpenLoop: false, depth: 64)];
        Assert.StartsWith("ready to run and kept from it by other work on the same CPU: server 30 % of the time; end that work", notes[0]);
        Assert.Equal(2, notes.Length);
    }

    [Fact]
    public void The_side_whose_cpu_is_always_busy_bounds_the_rate_but_not_that_of_a_schedule()
    {
        var busy = ExplainSamples.Epoll with { Server = ExplainSamples.Epoll.Server! with { KernelUsPerOp = 0.85, AsleepUsPerOp = 0.05 } };
        const string Bound = "the server's CPU bounds the rate: share of the time on a CPU: client 30 %, server 95 %";
        Assert.Contains(Bound, ExplainNotes.Of(busy, isOpenLoop: false, 64));
        Assert.DoesNotContain(Bound, ExplainNotes.Of(busy, isOpenLoop: true, 64));
    }

    [Fact]
    public void No_line_is_wider_than_a_screen() => Assert.All(Lines(ExplainSamples.Uring, s_deep), line => Assert.InRange(line.Length, 0, 120));

    private static string[] Lines(Explanation explanation, LoadOptions options)
    {
        using var text = new StringWriter { NewLine = "\n" };
        ExplainText.Write(explanation, options, text);
        return text.ToString().Split('\n');
    }
}
