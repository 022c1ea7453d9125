using FsCheck;
using FsCheck.Fluent;
using Harness.Io;

namespace Harness.Tests;

/// <summary>Programs at random, and simpler ones of one that failed.</summary>
internal static class LoopPrograms
{
    private const int StepCount = 40;

    private static readonly Gen<int> Slot = Gen.Choose(0, LoopModel.SlotCount - 1);
    private static readonly Gen<int> Event = Gen.Choose(0, LoopModel.EventsPerSlot - 1);
    private static readonly Gen<FdFlags> Flags =
        Gen.Frequency((4, Gen.Constant(FdFlags.Read)), (2, Gen.Constant(FdFlags.Write)), (2, Gen.Constant(FdFlags.ReadWrite)), (1, Gen.Constant(FdFlags.None)));

    private static readonly Gen<LoopChannelKind> Channel = Gen.Elements(LoopChannelKind.Socket, LoopChannelKind.PipeIn, LoopChannelKind.PipeOut);

    public static Arbitrary<LoopProgram> Arbitrary() => Arb.From(Programs(), Shrink);

    // The first two steps open something, or most short programs would do nothing.
    private static Gen<LoopProgram> Programs() =>
        from first in Channel
        from second in Channel
        from steps in Gen.ListOf(Steps(), StepCount)
        select new LoopProgram([Open(0, first), Open(1, second), .. steps]);

    private static LoopStep Open(int slot, LoopChannelKind channel) => new(LoopStepKind.Open, slot, Channel: channel);

    private static Gen<LoopStep> Steps() => Gen.Frequency(
        (5, Opening(LoopStepKind.Open)),
        (12, Adding()),
        (6, SettingFlags()),
        (4, OfEvent(LoopStepKind.Remove)),
        (12, OfSlot(LoopStepKind.PeerWrite)),
        (4, OfSlot(LoopStepKind.Read)),
        (1, OfSlot(LoopStepKind.PeerShut)),
        (2, OfSlot(LoopStepKind.PeerClose)),
        (4, OfSlot(LoopStepKind.Close)),
        (3, Opening(LoopStepKind.Reuse)),
        (3, Opening(LoopStepKind.RawClose)),
        (3, Calling(LoopStepKind.Schedule, LoopModel.ImmediateCount)),
        (1, Calling(LoopStepKind.Cancel, LoopModel.ImmediateCount)),
        (3, Calling(LoopStepKind.StartTimer, LoopModel.TimerCount)),
        (1, Calling(LoopStepKind.StopTimer, LoopModel.TimerCount)),
        (12, Looping(1, 6)),
        (2, Looping(15, 30)),
        (3, Gen.Constant(new LoopStep(LoopStepKind.WaitOnce))),
        (6, Gen.Constant(new LoopStep(LoopStepKind.RunOnce))));

    private static Gen<LoopStep> OfSlot(LoopStepKind kind) => from slot in Slot select new LoopStep(kind, slot);

    private static Gen<LoopStep> OfEvent(LoopStepKind kind) => from slot in Slot from index in Event select new LoopStep(kind, slot, index);

    private static Gen<LoopStep> Opening(LoopStepKind kind) => from slot in Slot from channel in Channel select new LoopStep(kind, slot, Channel: channel);

    private static Gen<LoopStep> SettingFlags() =>
        from slot in Slot from index in Event from flags in Flags select new LoopStep(LoopStepKind.SetFlags, slot, index, flags);

    private static Gen<LoopStep> Looping(int least, int most) => from count in Gen.Choose(least, most) select new LoopStep(LoopStepKind.LoopOnce, Count: count);

    private static Gen<LoopStep> Adding() =>
        from slot in Slot
        from index in Event
        from flags in Flags
        from script in Scripts(slot, index)
        select new LoopStep(LoopStepKind.Add, slot, index, flags) { Script = script };

    private static Gen<LoopStep> Calling(LoopStepKind kind, int count) =>
        from which in Gen.Choose(0, count - 1)
        from slot in Slot
        from index in Event
        from script in Scripts(slot, index)
        select new LoopStep(kind, which) { Script = kind is LoopStepKind.Schedule or LoopStepKind.StartTimer ? script : [] };

    /// <summary>What a handler does: nothing, which leaves its descriptor ready, or something with itself or with others.</summary>
    private static Gen<LoopStep[]> Scripts(int slot, int index) =>
        from length in Gen.Frequency((3, Gen.Constant(0)), (4, Gen.Constant(1)), (2, Gen.Constant(2)), (1, Gen.Constant(3)))
        from steps in Gen.ArrayOf(Actions(slot, index), length)
        select steps;

    private static Gen<LoopStep> Actions(int slot, int index) => Gen.Frequency(
        (6, Gen.Constant(new LoopStep(LoopStepKind.Read, slot))),
        (2, Gen.Constant(new LoopStep(LoopStepKind.Remove, slot, index))),
        (2, from flags in Flags select new LoopStep(LoopStepKind.SetFlags, slot, index, flags)),
        (1, OfEvent(LoopStepKind.Remove)),
        (1, SettingFlags()),
        (1, from add in OfEvent(LoopStepKind.Add) from flags in Flags select add with { Flags = flags }),
        (1, OfSlot(LoopStepKind.PeerWrite)),
        (1, OfSlot(LoopStepKind.Read)),
        (1, OfSlot(LoopStepKind.PeerClose)),
        (1, OfSlot(LoopStepKind.Close)),
        (1, Opening(LoopStepKind.Reuse)),
        (1, Opening(LoopStepKind.RawClose)),
        (1, from which in Gen.Choose(0, LoopModel.ImmediateCount - 1) select new LoopStep(LoopStepKind.Schedule, which)),
        (1, from which in Gen.Choose(0, LoopModel.ImmediateCount - 1) select new LoopStep(LoopStepKind.Cancel, which)),
        (1, from which in Gen.Choose(0, LoopModel.TimerCount - 1) select new LoopStep(LoopStepKind.StartTimer, which)),
        (1, from which in Gen.Choose(0, LoopModel.TimerCount - 1) select new LoopStep(LoopStepKind.StopTimer, which)),
        (2, Looping(1, 2)));

    /// <summary>Without some of its steps, large parts first; then with simpler steps.</summary>
    private static IEnumerable<LoopProgram> Shrink(LoopProgram program)
    {
        IReadOnlyList<LoopStep> steps = program.Steps;
        for (int length = steps.Count / 2; length > 0; length /= 2)
        {
            for (int at = 0; at < steps.Count; at += length)
            {
                yield return new LoopProgram([.. steps.Take(at), .. steps.Skip(at + length)]);
            }
        }

        for (int i = 0; i < steps.Count; i++)
        {
            foreach (LoopStep simpler in Simpler(steps[i]))
            {
                yield return new LoopProgram([.. steps.Take(i), simpler, .. steps.Skip(i + 1)]);
            }
        }
    }

    private static IEnumerable<LoopStep> Simpler(LoopStep step)
    {
        for (int i = 0; i < step.Script.Count; i++)
        {
            yield return step with { Script = [.. step.Script.Take(i), .. step.Script.Skip(i + 1)] };
        }

        if (step.Count > 1)
        {
            yield return step with { Count = step.Count / 2 };
            yield return step with { Count = step.Count - 1 };
        }

        if (step.Flags == FdFlags.ReadWrite)
        {
            yield return step with { Flags = FdFlags.Read };
            yield return step with { Flags = FdFlags.Write };
        }
    }
}
