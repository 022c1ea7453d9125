using System.Diagnostics;
using System.Globalization;
using System.Text;
using Harness.Kernels.Guest;
using Harness.Results;

namespace Harness.Kernels.NbdCases;

/// <summary>
/// The cases on one kernel: a boot, and another one for what is left where a case hung, or left the kernel in a state that the next should not stand on.
/// </summary>
/// <param name="session">What is run.</param>
/// <param name="kernel">Where.</param>
/// <param name="counts">Counts over all kernels.</param>
internal sealed class NbdCasesKernel(NbdCasesSession session, CachedKernel kernel, GuestCounts counts)
{
    private const string Client = "nbd";

    // What the client and the file system stand on, where a kernel has it as a module.
    private static readonly string[] s_wanted = [Client, "ext4"];

    private readonly SortedDictionary<int, NbdCaseRecord> _done = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private NbdCasesRecord _record = session.RecordOf(kernel);
    private NbdCasesFolder? _folder;
    private int? _in;

    public string Release => kernel.Facts.Release;

    /// <summary>Where the results are; null where they could not be written.</summary>
    public string? Folder => _folder?.Path;

    public NbdCasesRecord Record => _record;

    /// <summary>Runs all cases.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        CpioArchive? modules = Modules();
        var guest = new GuestBoot(session.Qemu, session.Image, session.Silence);
        while (modules is not null && _done.Count < session.Cases.Count)
        {
            int before = _done.Count;
            _record = _record with { Boots = _record.Boots + 1 };
            _in = null;
            string? trouble = await guest.RunAsync(kernel, [session.Tools.Archive, modules, Plan()], "off", _record.Boots, Hear, stop);
            if (trouble is not null && _in is { } cut)
            {
                Done(cut, NbdCaseStatus.Failed, trouble);
            }
            else if (_done.Count == before)
            {
                // Another boot would come no further.
                Rest(trouble ?? "the guest ended without a word of it");
            }
            else if (trouble is not null)
            {
                counts.Say($"{Release}: {trouble}");
            }
        }
        Keep(_record with { Finished = DateTimeOffset.UtcNow });
    }

    private CpioArchive? Modules()
    {
        try
        {
            GuestModule[] files = [.. s_wanted.SelectMany(name => GuestModules.Of(kernel, name)?.Files ?? []).DistinctBy(module => module.Name)];
            var archive = new CpioArchive();
            new GuestModules(files).AddTo(archive);
            archive.AddText("nbd-cases.sh", session.Script, executable: false);
            string[] first = [.. files.Select(module => module.Name).Where(name => name != Client)];
            archive.AddText("modules/load", first.Length > 0 ? $"load {string.Join(' ', first)}\n" : "", executable: false);
            return archive;
        }
        catch (HarnessException e)
        {
            Rest(e.Message);
            return null;
        }
    }

    private CpioArchive Plan()
    {
        var script = new StringBuilder("# What this boot tries.\n. /nbd-cases.sh\n. /modules/load\n");
        for (int i = 0; i < session.Cases.Count; i++)
        {
            if (!_done.ContainsKey(i))
            {
                script.Append(CultureInfo.InvariantCulture, $"nbd_case {i} {session.Cases[i].Backend ?? "-"} {session.Cases[i].Call}\n");
            }
        }
        var archive = new CpioArchive();
        archive.AddText("plan", script.ToString(), executable: false);
        return archive;
    }

    private void Hear(GuestSays said)
    {
        switch (said)
        {
            case GuestSays.Begin begin when begin.Cell < session.Cases.Count:
                _in = begin.Cell;
                _clock.Restart();
                counts.Begin(Release, session.Cases[begin.Cell].Id);
                break;
            case GuestSays.Passed passed when passed.Cell < session.Cases.Count:
                Done(passed.Cell, NbdCaseStatus.Passed, passed.Seen);
                break;
            case GuestSays.NotMeasured not when not.Cell < session.Cases.Count:
                Done(not.Cell, not.Status == CellStatus.Skipped ? NbdCaseStatus.Skipped : NbdCaseStatus.Failed, not.Reason);
                break;
            case GuestSays.Trouble trouble:
                counts.Say($"{Release}: {trouble.Text}");
                break;
            default:
                break;
        }
    }

    private void Rest(string why)
    {
        for (int i = 0; i < session.Cases.Count; i++)
        {
            Done(i, NbdCaseStatus.Failed, why);
        }
    }

    private void Done(int index, NbdCaseStatus status, string seen)
    {
        if (_done.ContainsKey(index))
        {
            return;
        }
        _in = null;
        NbdCase one = session.Cases[index];
        _done[index] = new NbdCaseRecord
        {
            Case = one.Name,
            Backend = one.Backend,
            Status = status,
            Seen = OneLine.Of(seen),
            Seconds = Math.Round(_clock.Elapsed.TotalSeconds, 1),
        };
        counts.End(Release, one.Id, Counted(status), $"{status.ToString().ToLowerInvariant()}: {seen}", _clock.Elapsed);
        Keep(_record with { Cases = [.. _done.Values] });
    }

    private static CellStatus Counted(NbdCaseStatus status) => status switch
    {
        NbdCaseStatus.Passed => CellStatus.Ok,
        NbdCaseStatus.Skipped => CellStatus.Skipped,
        _ => CellStatus.Failed,
    };

    // What cannot be kept is said once for each case, and the next is tried all the same.
    private void Keep(NbdCasesRecord record)
    {
        _record = record;
        try
        {
            _folder ??= NbdCasesFolder.Create(session.ResultsRoot, record);
            _folder.Write(record);
        }
        catch (HarnessException e)
        {
            counts.Lost($"{Release}: {e.Message}");
        }
    }
}
