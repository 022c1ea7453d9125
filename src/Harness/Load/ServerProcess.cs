using System.Globalization;
using Harness.Measure;
using Harness.Results;

namespace Harness.Load;

/// <summary>
/// What the process of a server that is not ours, and its children, use in the measured part. Read before its first request and after its last reply, so
/// with nothing in flight: the figure is exact.
/// </summary>
internal sealed class ServerProcess
{
    private readonly ProcessTree _processes;
    private ProcessesUsage _start;

    /// <exception cref="HarnessException">There is no such process.</exception>
    public ServerProcess(int processId)
    {
        _processes = new ProcessTree(processId);
        // Once now, so that nothing of it is done for the first time at the beginning of the measured part.
        Begin();
    }

    /// <summary>The measured part begins. All connections are there, and with them the processes that serve them.</summary>
    /// <exception cref="HarnessException">There is no such process.</exception>
    public void Begin() => _start = Usage(_processes.Refreshed());

    /// <summary>The measured part has ended.</summary>
    /// <exception cref="HarnessException">The process is gone.</exception>
    public ServerFigures End(long ops)
    {
        var end = Usage(_processes);
        double? PerOp(long? used) => ops == 0 ? null : used / (double)ops;
        var costs = new SideCosts
        {
            CpuUsPerOp = PerOp(end.CpuUs - _start.CpuUs),
            ContextSwitchesPerOp = PerOp(end.ContextSwitches - _start.ContextSwitches),
        };
        // The kernel tells user and system apart in hundredths of a second, and both together in nanoseconds.
        long ticks = end.UserTicks + end.SystemTicks - _start.UserTicks - _start.SystemTicks;
        double? userUs = ticks > 0 ? (end.CpuUs - _start.CpuUs) * (end.UserTicks - _start.UserTicks) / (double)ticks : null;
        return new ServerFigures(costs, ops == 0 ? null : new ExplainedSide
        {
            UserUsPerOp = userUs / ops,
            KernelUsPerOp = (end.CpuUs - _start.CpuUs - userUs) / ops,
            RunnableUsPerOp = (end.RunnableUs - _start.RunnableUs) / ops,
        });
    }

    private static ProcessesUsage Usage(ProcessTree processes) => processes.Usage() ?? throw new HarnessException(
        ExitCode.Failed, string.Create(CultureInfo.InvariantCulture, $"there is no process {processes.Id}; --server-pid takes the number of the server's process"));
}
