using Harness.Io;
using Harness.Measure;

namespace Harness.Tests.Unit;

/// <summary>What another process has used, with its children.</summary>
public class ProcessTreeTests
{
    [Fact]
    public void The_clock_of_a_process_is_what_it_has_used()
    {
        var before = ProcessUsage.Now().CpuUs;
        var read = ProcessUsage.CpuUsOf(Environment.ProcessId)!.Value;
        // getrusage(2) may be a tick behind the clock, never more.
        Assert.InRange(read, before - 20_000, ProcessUsage.Now().CpuUs + 20_000);
    }

    [Fact]
    public void A_process_that_is_not_there_has_used_nothing_that_could_be_told()
    {
        // Above the largest number that a kernel gives; 0 would be the caller.
        Assert.Null(ProcessUsage.CpuUsOf(int.MaxValue));
        Assert.Null(ProcessUsage.CpuUsOf(0));
        Assert.Null(new ProcessTree(int.MaxValue).Usage());
    }

    [Fact]
    public void The_children_of_a_process_count_as_it()
    {
        using var shell = Child.Start("/bin/sh", ["-c", "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; sleep 60' & wait"]);
        var processes = new ProcessTree(shell.Id);
        Assert.NotNull(shell.NextLine(Tool.Deadline));
        var alone = processes.CpuUs();
        Assert.False(processes.HasChildren);
        var together = processes.Refreshed().Usage()!.Value;
        Assert.True(processes.HasChildren);
        Assert.True(together.CpuUs > alone + 10_000, $"{together.CpuUs} with the child, {alone} without");
        Assert.True(together.ContextSwitches > 0);
        shell.Kill();
    }
}
